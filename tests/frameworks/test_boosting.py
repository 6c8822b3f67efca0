"""XGBoost, LightGBM and CatBoost: each passes the suite of model types, with models as people train them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost
from sklearn.datasets import load_diabetes, load_iris

from mlem import api
from mlem.testing.model_types import ModelTypeSuite
from mlem_model.errors import UserError

FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[KINDS]
PEOPLE, PROGRESS = load_diabetes(return_X_y=True, as_frame=True)
FEW: dict[str, Any] = {"iterations": 5, "verbose": 0, "allow_writing_files": False}


class Boosted(ModelTypeSuite):
    crashes = True  # the parsers of all three, at some cut files


class TestXgboostBooster(Boosted):
    type = "xgboost"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        data = xgboost.DMatrix(FLOWERS, KINDS)
        return xgboost.train({"objective": "multi:softprob", "num_class": 3}, data, 5), FLOWERS

    def expected(self, obj: Any, sample: Any) -> Any:
        return obj.predict(xgboost.DMatrix(sample))


class TestXgboostBoosterOfArrays(Boosted):
    type = "xgboost"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        rows = PEOPLE.to_numpy()
        return xgboost.train({}, xgboost.DMatrix(rows, PROGRESS), 5), rows

    def expected(self, obj: Any, sample: Any) -> Any:
        return obj.predict(xgboost.DMatrix(sample))


class TestXgboostClassifier(Boosted):
    type = "xgboost_sklearn"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return xgboost.XGBClassifier(n_estimators=5).fit(FLOWERS, KINDS), FLOWERS


class TestXgboostForest(Boosted):
    type = "xgboost_sklearn"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return xgboost.XGBRFRegressor(n_estimators=5).fit(PEOPLE, PROGRESS), PEOPLE


class TestLightgbmBooster(Boosted):
    type = "lightgbm"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return lightgbm.train({"verbose": -1}, lightgbm.Dataset(PEOPLE, PROGRESS), 5), PEOPLE


class TestLightgbmClassifier(Boosted):
    type = "lightgbm_sklearn"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(FLOWERS, NAMES), FLOWERS


class TestLightgbmBinary(Boosted):
    type = "lightgbm_sklearn"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return lightgbm.LGBMClassifier(n_estimators=5, verbose=-1).fit(FLOWERS, KINDS == 1), FLOWERS


class TestLightgbmRegressor(Boosted):
    type = "lightgbm_sklearn"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return lightgbm.LGBMRegressor(n_estimators=5, verbose=-1).fit(PEOPLE, PROGRESS), PEOPLE


class TestCatboostClassifier(Boosted):
    type = "catboost"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return catboost.CatBoostClassifier(**FEW).fit(FLOWERS, NAMES), FLOWERS


class TestCatboostWithCategories(Boosted):
    type = "catboost"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        frame = FLOWERS.assign(garden=np.where(np.arange(len(FLOWERS)) % 2, "north", "south"))
        return catboost.CatBoostRegressor(**FEW, cat_features=["garden"]).fit(frame, KINDS), frame


class TestCatboostOfAPool(Boosted):
    type = "catboost"

    def saved(self, tmp_path: Path) -> tuple[Any, Any]:
        return catboost.train(catboost.Pool(PEOPLE, PROGRESS), FEW), PEOPLE


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    api.init(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "estimator", [xgboost.XGBClassifier(), lightgbm.LGBMClassifier(), catboost.CatBoostClassifier(verbose=0)]
)
def test_one_that_was_not_fitted_is_refused(here: Path, estimator: Any) -> None:
    with pytest.raises(UserError):
        api.save(estimator, "model", sample_data=FLOWERS)
    assert not list(here.glob("model*"))


class Cautious(xgboost.XGBClassifier):
    """An estimator of the user's: its code is no part of XGBoost's format."""

    def predict(self, X: Any, **options: Any) -> Any:
        return super().predict(X, **options) * 0


def test_a_subclass_of_the_users_is_saved_with_its_code(here: Path) -> None:
    saved = api.save(Cautious(n_estimators=2).fit(FLOWERS, KINDS), "model", sample_data=FLOWERS)
    assert (saved.model_type, saved.artifacts["data"].format) == ("sklearn", "pickle")
    assert set(api.apply("model", FLOWERS)) == {0}


def test_a_pickle_can_be_asked_for(here: Path) -> None:
    fitted = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(FLOWERS, KINDS)
    saved = api.save(fitted, "model", sample_data=FLOWERS, format="pickle")
    assert (saved.model_type, saved.artifacts["data"].format) == ("sklearn", "pickle")
    assert type(api.load("model")) is lightgbm.LGBMClassifier


def test_what_is_loaded_is_what_was_saved(here: Path) -> None:
    booster = xgboost.train({}, xgboost.DMatrix(PEOPLE, PROGRESS), 2)
    api.save(booster, "model", sample_data=PEOPLE)
    assert type(api.load("model")) is xgboost.Booster


def test_the_library_that_lightgbm_needs_is_on_record(here: Path) -> None:
    saved = api.save(lightgbm.train({"verbose": -1}, lightgbm.Dataset(PEOPLE, PROGRESS), 2), "one", sample_data=PEOPLE)
    assert saved.system_packages == ("libgomp1",)
    other = api.save(xgboost.XGBRegressor(n_estimators=2).fit(PEOPLE, PROGRESS), "two", sample_data=PEOPLE)
    assert other.system_packages == ()
