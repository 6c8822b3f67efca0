from __future__ import annotations

from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression
from sklearn.mixture import GaussianMixture
from sklearn.neighbors import NearestNeighbors

from mlem_model.frameworks.callable import CallableModel
from mlem_model.frameworks.sklearn import SklearnModel


class ThirdParty(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    def predict(self, X: Any) -> Any:
        return X


@pytest.mark.parametrize(
    ("obj", "sklearn", "callable_"),
    [
        (LinearRegression(), True, False),
        (ThirdParty(), True, False),
        (ThirdParty, False, False),
        (lambda x: x, False, True),
        (len, False, True),
        (int, False, False),
        ([1], False, False),
    ],
)
def test_an_object_matches_the_types_it_is_of(obj: Any, sklearn: bool, callable_: bool) -> None:
    assert (SklearnModel.matches(obj), CallableModel.matches(obj)) == (sklearn, callable_)


def test_the_methods_are_those_that_the_object_has() -> None:
    assert dict(SklearnModel.methods(RandomForestClassifier())) == {
        name: name for name in ("predict", "predict_proba", "predict_log_proba", "apply", "decision_path")
    }
    assert list(SklearnModel.methods(KMeans())) == ["predict", "transform", "score"]
    assert list(SklearnModel.methods(NearestNeighbors())) == [
        "kneighbors",
        "kneighbors_graph",
        "radius_neighbors",
        "radius_neighbors_graph",
    ]
    assert list(SklearnModel.methods(GaussianMixture())) == [
        "predict",
        "predict_proba",
        "score_samples",
        "aic",
        "bic",
        "score",
    ]
    assert list(SklearnModel.methods(ThirdParty())) == ["predict"]
    assert dict(CallableModel.methods(len)) == {"predict": "__call__"}
