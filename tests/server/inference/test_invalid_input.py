from __future__ import annotations

from typing import Any

import numpy
import pandas
import pytest

from mlem_server.inference.invalid_input import invalid_input


@pytest.mark.parametrize(
    "value",
    [
        numpy.array([[1.0, numpy.nan]]),
        numpy.array([1e300]),
        pandas.DataFrame({"a": ["x"], "b": [float("inf")]}),
        pandas.DataFrame({"a": pandas.array([1, None], dtype="Int64")}),
        pandas.Series([None, 1.0]),
        [1, {"a": float("nan")}],
        10**400,
        -1e39,
        [],
        pandas.DataFrame({"a": []}),
    ],
)
def test_unusual_data_is_put_on_the_callers_account(value: Any) -> None:
    found = invalid_input({"y": 1, "X": value})
    assert found is not None
    assert found.path == "X"


@pytest.mark.parametrize(
    "value",
    [
        numpy.array([[1.0, 2.0]]),
        numpy.array(["x"]),
        numpy.array(["2026-01-01"], dtype="datetime64[ns]"),
        pandas.DataFrame({"a": ["x"], "b": [True], "c": pandas.to_datetime(["2026-01-01"])}),
        [1, "x", None, True, {"a": (1.0,)}],
        3.4e38,
    ],
)
def test_ordinary_data_is_not(value: Any) -> None:
    assert invalid_input({"X": value}) is None
