"""`ServedBooster`: what is called in the place of a booster of XGBoost.

Source: https://xgboost.readthedocs.io/en/stable/prediction.html, "In-place Prediction" (read 2026-11).
"""

from __future__ import annotations

import json
from typing import Any

from mlem_model.data.types.base import module_of

_IN_PLACE = "gbtree"
"""A linear booster can't, and one with dropout adds its trees in another order, and so rounds otherwise."""
_EXACT = 2.0**53
"""Numbers below are exact as float64, and finite as float32. XGBoost refuses what becomes infinite, but not in
place."""


class ServedBooster:
    """A booster whose ``predict`` takes what callers have.

    Plain numbers are answered in place, without the ``DMatrix`` that takes longer to make than most answers; the rest,
    and what XGBoost is to refuse, becomes one.

    Args:
        booster: An ``xgboost.Booster``.
    """

    def __init__(self, booster: Any) -> None:
        self._booster = booster
        self._names, self._kinds = booster.feature_names, booster.feature_types
        learner = json.loads(booster.save_config())["learner"]
        self._in_place = (
            learner["gradient_booster"]["name"] == _IN_PLACE
            and learner.get("generic_param", {}).get("device", "cpu") == "cpu"
            and "c" not in (self._kinds or ())
        )
        self._columns = booster.num_features()

    def predict(self, X: Any) -> Any:
        """Return what the booster answers for rows, shape (rows,) or (rows, classes).

        Args:
            X: A frame, an array, a sparse matrix, or a ``DMatrix``.
        """
        plain = self._plain(X) if self._in_place else None
        return self._booster.predict(self._matrix(X)) if plain is None else self._booster.inplace_predict(plain)

    def _plain(self, rows: Any) -> Any:
        """Return rows as an array of the numbers that a matrix would have; None where it takes more to judge them."""
        import numpy as np

        if module_of(rows) == "pandas" and getattr(rows, "ndim", 0) == 2:
            if list(rows.columns) != self._names or not all(isinstance(kind, np.dtype) for kind in rows.dtypes):
                return None
            rows = rows.to_numpy()
        if type(rows) is not np.ndarray or rows.ndim != 2 or rows.shape[1] != self._columns:
            return None
        known = rows.dtype.kind in "fiu" and rows.dtype.isnative
        return rows if known and not ((rows >= _EXACT) | (rows <= -_EXACT)).any() else None

    def _matrix(self, rows: Any) -> Any:
        import xgboost

        if isinstance(rows, xgboost.DMatrix):
            return rows
        if hasattr(rows, "columns"):
            return xgboost.DMatrix(rows, enable_categorical=True)
        return xgboost.DMatrix(rows, feature_names=self._names, feature_types=self._kinds)
