from __future__ import annotations

from typing import Any

import numpy
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlem_model.frameworks.sklearn import SklearnModel
from mlem_model.models.calls.classes import classes_of
from mlem_model.models.saving import save
from mlem_model.serving.interface import Interface

X = numpy.array([[0.0], [1.0], [2.0]])


@pytest.mark.parametrize(
    ("labels", "found"),
    [
        (["low", "mid", "high"], ("high", "low", "mid")),
        ([3, 1, 2], (1, 2, 3)),
        ([0.5, 1.5, 2.5], ("0.5", "1.5", "2.5")),
    ],
)
def test_the_classes_are_those_of_the_columns(labels: list[Any], found: tuple[Any, ...]) -> None:
    class Classifier:
        classes_ = numpy.unique(labels)

    answer = numpy.zeros((2, 3))
    assert classes_of(Classifier(), answer) == found
    for other in (answer[:, :2], answer[:, 0], answer.tolist(), None):
        assert classes_of(Classifier(), other) == ()


def test_what_has_no_classes_says_nothing() -> None:
    assert classes_of(LinearRegression().fit(X, [1.0, 2.0, 3.0]), numpy.zeros((2, 3))) == ()


def test_a_saved_pipeline_and_its_interface_know_them(tmp_path: Any) -> None:
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, ["low", "mid", "high"])
    model = save(pipeline, tmp_path / "m", sample_data=X, model_types=(SklearnModel,))
    found = {name: method.classes for name, method in model.methods.items()}
    assert (found["predict"], found["predict_proba"]) == ((), ("high", "low", "mid"))
    interface = Interface.of(model)
    assert interface.to_json()["methods"]["predict_proba"]["returns"]["classes"] == ["high", "low", "mid"]
    assert Interface.parse(interface.to_json()).methods == interface.methods
