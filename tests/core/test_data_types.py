"""Our own types of data pass the suite that a stranger's has to pass."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlem.testing import DataTypeSuite

MATRIX = np.array([[1.5, 2.0], [3.0, -4.0]])
WRONG_ROWS = ("text", 1, {"no": "field"}, [1, [2]], [{"a": "text"}])


class TestArray(DataTypeSuite):
    type = "ndarray"

    def value(self) -> Any:
        return MATRIX.copy()

    def plain(self, value: Any) -> Any:
        return value.tolist(), str(value.dtype)


class TestIntegers(DataTypeSuite):
    type = "ndarray"
    refused = ("text", {"no": "field"}, [["text"]], [1.5], [2**70], [True])

    def value(self) -> Any:
        return np.array([1, -2], dtype="int16")

    def plain(self, value: Any) -> Any:
        return value.tolist(), str(value.dtype)


class TestFrame(DataTypeSuite):
    type = "dataframe"
    refused = WRONG_ROWS

    def value(self) -> Any:
        columns = {"a": [1, 2], "b": ["x", None], "c": pd.Categorical(["low", "high"])}
        return pd.DataFrame(columns | {"d": pd.to_datetime(["2026-01-01", "2026-02-03"])})

    def plain(self, value: Any) -> Any:
        texts = value.astype("object").where(value.notna(), None).astype(str)
        return texts.to_dict("records"), list(map(str, value.dtypes))


class TestSeries(DataTypeSuite):
    type = "series"
    refused = ("text", {"no": "field"}, [["text"]], ["text"])

    def value(self) -> Any:
        return pd.Series([1.5, 2.5], name="x")

    def plain(self, value: Any) -> Any:
        return value.tolist(), value.name, str(value.dtype)


class TestTexts(DataTypeSuite):
    type = "list"
    refused = ("text", {"no": "field"}, [["text"]], [1], [None])

    def value(self) -> Any:
        return ["first", "zweiter Text \N{SNOWMAN}"]

    def plain(self, value: Any) -> Any:
        return value

    @pytest.mark.xfail(reason="a list is told by what it has, and a list of other things is a list, too", run=False)
    def test_it_is_found_for_its_values_and_for_no_others(self) -> None:
        """See `DataTypeSuite`."""


class TestPolars(DataTypeSuite):
    type = "polars"
    refused = WRONG_ROWS

    def value(self) -> Any:
        polars = pytest.importorskip("polars")
        return polars.DataFrame({"a": [1, 2], "b": ["x", "y"]})

    def plain(self, value: Any) -> Any:
        return value.to_dicts(), list(map(str, value.dtypes))


class TestSparse(DataTypeSuite):
    type = "sparse"
    refused = ("text", {"no": "field"}, [{"9": 1.0}], [{"a": 1.0}], [{"0": "text"}])

    def value(self) -> Any:
        sparse = pytest.importorskip("scipy.sparse")
        return sparse.csr_matrix(MATRIX)

    def plain(self, value: Any) -> Any:
        return value.toarray().tolist(), str(value.dtype)


class TestImage(DataTypeSuite):
    type = "image"
    rows = None
    refused = ("text", {"no": "field"}, 1, [1], "")

    def value(self) -> Any:
        image = pytest.importorskip("PIL.Image")
        return image.fromarray(np.arange(12, dtype="uint8").reshape(2, 2, 3))

    def plain(self, value: Any) -> Any:
        return np.asarray(value).tolist(), value.mode


class TestStructured(DataTypeSuite):
    type = "structured"
    binary = False
    refused = WRONG_ROWS

    def value(self) -> Any:
        return np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "int32"), ("b", "float64")])

    def plain(self, value: Any) -> Any:
        return value.tolist(), value.dtype.names


@dataclasses.dataclass
class Order:
    number: int
    day: date


class TestClass(DataTypeSuite):
    type = "class"
    rows = None
    binary = False
    refused = ("text", {"no": "field"}, 1, {"number": "one", "day": "2026-01-01"}, {"number": 1, "day": "soon"})

    def value(self) -> Any:
        return Order(1, date(2026, 1, 2))

    def plain(self, value: Any) -> Any:
        return value.number, value.day.isoformat()
