"""XGBoost's matrices: as a value of any function, and as the sample of a booster."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.datasets import load_diabetes

from mlem import api
from mlem.testing import DataTypeSuite
from mlem_model.models.model import Model

PEOPLE, PROGRESS = load_diabetes(return_X_y=True, as_frame=True)
ROWS = [[1.0, 0.0, float("nan")], [float("nan"), 2.5, -3.0]]


def listed(matrix: Any) -> Any:
    values = pickle.loads(pickle.dumps(matrix.get_data())).todok()
    rows = [[values.get((row, column), None) for column in range(values.shape[1])] for row in range(values.shape[0])]
    return rows, matrix.feature_names, matrix.feature_types


class TestNamed(DataTypeSuite):
    type = "dmatrix"

    def value(self) -> Any:
        return xgboost.DMatrix(pd.DataFrame(ROWS, columns=["a", "b", "c"]))

    def plain(self, value: Any) -> Any:
        return listed(value)


class TestCategories(DataTypeSuite):
    type = "dmatrix"

    def value(self) -> Any:
        return xgboost.DMatrix(
            np.array([[0.0, 1.5], [2.0, 2.5]]), feature_types=["c", "float"], enable_categorical=True
        )

    def plain(self, value: Any) -> Any:
        return listed(value)


@pytest.mark.parametrize("named", [True, False])
def test_a_booster_saved_with_a_matrix_takes_what_callers_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    api.init(tmp_path)
    rows = PEOPLE if named else PEOPLE.to_numpy()
    matrix = xgboost.DMatrix(rows, PROGRESS)
    booster = xgboost.train({}, matrix, 3)
    model = api.save(booster, "m", sample_data=matrix)
    assert isinstance(model, Model)
    (argument,) = model.methods["predict"].args
    assert argument.data_type.type == ("dataframe" if named else "ndarray")
    assert model.methods["predict"].rowwise
    assert np.allclose(api.apply("m", rows), booster.predict(matrix))
