"""Columns by their names for models that were saved without a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlem_model.data.column_names import by_names
from mlem_model.errors import DataError

X = pd.DataFrame({"a": [5, 1, 0, 3], "b": [1, 2, 4, 7]})
Y = 10 * X["a"] + X["b"]
SWAPPED = [{"b": 1, "a": 5}, {"b": 2, "a": 1}, {"b": 4, "a": 0}]


@pytest.mark.parametrize(
    "model", [LinearRegression().fit(X, Y), make_pipeline(StandardScaler(), LinearRegression()).fit(X, Y)]
)
def test_a_model_that_knows_its_columns_gets_them_in_its_order(model: Any) -> None:
    for obj in (model, model.predict):
        found = by_names(obj, SWAPPED, "X")
        assert (list(found.columns), found.to_numpy().tolist()) == (["a", "b"], [[5, 1], [1, 2], [0, 4]])
    np.testing.assert_allclose(
        model.predict(by_names(model, [{"more": 0, **row} for row in SWAPPED], "X")), [51, 12, 4]
    )
    assert by_names(model, [[5, 1]], "X") == [[5, 1]]


def test_a_column_that_is_missing_is_named() -> None:
    with pytest.raises(DataError) as caught:
        by_names(LinearRegression().fit(X, Y), [{"a": 1, "b": 2}, {"a": 1, "B": 2}], "X")
    assert (caught.value.path, caught.value.expected, caught.value.got) == ("X[1]", "the columns a, b", "a, B: no b")


def test_a_model_that_knows_positions_alone_gets_no_names() -> None:
    with pytest.raises(DataError) as caught:
        by_names(LinearRegression().fit(X.to_numpy(), Y), SWAPPED, "X")
    assert caught.value.message == (
        "X: expected rows without names, because the model does not know the names of its columns, got the columns b, a"
    )


def test_what_is_no_model_of_columns_gets_what_was_sent() -> None:
    assert by_names(len, SWAPPED, "X") == SWAPPED
    assert by_names(LinearRegression().fit(X, Y), [], "X") == []
