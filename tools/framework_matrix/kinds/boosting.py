"""Boosted trees: boosters, and estimators of the interfaces for scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from framework_matrix.kind import Kind, Trained


def flowers() -> tuple[Any, Any]:
    """Measures of flowers and their kinds, as a frame and a series."""
    from sklearn.datasets import load_iris

    rows, kinds = load_iris(return_X_y=True, as_frame=True)
    return rows, kinds


def xgboost_booster(folder: Path) -> Trained:
    """A booster, which takes a ``DMatrix`` itself."""
    import xgboost

    rows, kinds = flowers()
    options = {"objective": "multi:softprob", "num_class": 3}
    booster = xgboost.train(options, xgboost.DMatrix(rows, kinds), 10)
    return Trained(booster, rows, booster.predict(xgboost.DMatrix(rows)))


def xgboost_estimator(folder: Path) -> Trained:
    """A classifier."""
    import xgboost

    rows, kinds = flowers()
    fitted = xgboost.XGBClassifier(n_estimators=10).fit(rows, kinds)
    return Trained(fitted, rows, fitted.predict(rows))


def lightgbm_booster(folder: Path) -> Trained:
    """A booster."""
    import lightgbm

    rows, kinds = flowers()
    booster = lightgbm.train(
        {"objective": "multiclass", "num_class": 3, "verbose": -1}, lightgbm.Dataset(rows, kinds), 10
    )
    return Trained(booster, rows, booster.predict(rows))


def lightgbm_estimator(folder: Path) -> Trained:
    """A classifier whose labels are texts."""
    import lightgbm
    import numpy as np

    rows, kinds = flowers()
    names = np.array(["setosa", "versicolor", "virginica"])[kinds]
    fitted = lightgbm.LGBMClassifier(n_estimators=10, verbose=-1).fit(rows, names)
    return Trained(fitted, rows, fitted.predict(rows))


def catboost_model(folder: Path) -> Trained:
    """A classifier."""
    import catboost

    rows, kinds = flowers()
    model = catboost.CatBoostClassifier(iterations=10, verbose=0, allow_writing_files=False).fit(rows, kinds)
    return Trained(model, rows, model.predict(rows))


KINDS = (
    Kind("XGBoost, booster", "xgboost", ("xgboost",), xgboost_booster, without_cuda="xgboost-cpu"),
    Kind(
        "XGBoost, estimator",
        "xgboost_sklearn",
        ("xgboost", "scikit-learn"),
        xgboost_estimator,
        without_cuda="xgboost-cpu",
    ),
    Kind("LightGBM, booster", "lightgbm", ("lightgbm",), lightgbm_booster),
    Kind("LightGBM, estimator", "lightgbm_sklearn", ("lightgbm", "scikit-learn"), lightgbm_estimator),
    Kind("CatBoost", "catboost", ("catboost",), catboost_model),
)
