"""Columns of one dtype are decoded together, and what comes of it is what each would be by itself."""

from __future__ import annotations

from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlem_model.data.types.any import infer
from mlem_model.data.types.notes import collecting
from mlem_model.errors import DataError

COLUMNS: dict[str, Any] = {
    "float64": numpy.array([1.5, -0.0]), "float32": numpy.array([0.5, 2.0], "float32"), "int64": numpy.array([1, 2]),
    "int8": numpy.array([1, -2], "int8"), "bool": numpy.array([True, False]), "str": ["a", "b"],
    "category": pandas.Categorical(["x", "y"], categories=["y", "x", "z"]),
    "numbers": pandas.Categorical([3, 1], categories=[1, 3], ordered=True),
    "Int64": pandas.array([1, None], dtype="Int64"), "boolean": pandas.array([None, True], dtype="boolean"),
    "time": pandas.to_datetime(["2024-01-01", "2024-01-02T03:04:05.678"], format="ISO8601"),
    "zoned": pandas.to_datetime(["2024-01-01", "2024-01-02"]).tz_localize("Europe/Berlin"),
    "duration": pandas.to_timedelta(["1h", None]), "period": pandas.period_range("2024-01", periods=2, freq="M"),
    "interval": pandas.interval_range(0.0, 2.0),
}  # fmt: skip


def frame(kinds: list[str]) -> pandas.DataFrame:
    return pandas.DataFrame({f"{kind} {at}": pandas.Series(COLUMNS[kind]) for at, kind in enumerate(kinds)})


@given(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=12), st.sampled_from([1, 2]))
@settings(max_examples=60)
def test_a_frame_of_any_columns_is_what_it_was(kinds: list[str], rows: int) -> None:
    value = frame(kinds).iloc[:rows]
    data_type = infer(frame(kinds))
    decoded = data_type.decode(data_type.encode(value))
    pandas.testing.assert_frame_equal(decoded, value, check_freq=False)
    assert decoded.columns.dtype == value.columns.dtype


def test_the_columns_of_a_frame_are_changed_one_by_one() -> None:
    kinds = [kind for kind in sorted(COLUMNS) for _ in range(2)]
    value = frame(kinds)
    data_type = infer(value)
    decoded = data_type.decode(data_type.encode(value))
    for at in range(0, len(kinds), 2):
        decoded.iloc[0, at] = decoded.iloc[1, at]
    for at in range(1, len(kinds), 2):
        pandas.testing.assert_series_equal(decoded.iloc[:, at], value.iloc[:, at], check_freq=False)


def test_the_first_value_that_does_not_fit_is_named_whatever_its_dtype() -> None:
    value = frame(["float64", "str", "int64", "str", "float64"])
    data_type = infer(value)
    records = data_type.encode(value)
    records[1]["float64 4"], records[1]["str 1"] = "many", 7
    with pytest.raises(DataError) as refused:
        data_type.decode(records)
    assert (refused.value.path, refused.value.got) == ('data[1]["str 1"]', "an integer")
    assert refused.value.expected in ("a string", "a string or null")  # before pandas 3, and with it


def test_a_category_that_was_never_seen_is_kept_and_noted_beside_others_that_were() -> None:
    value = frame(["category", "category", "float64"])
    data_type = infer(value)
    records = data_type.encode(value)
    records[0]["category 1"] = "new"
    with collecting() as notes:
        decoded = data_type.decode(records)
    assert decoded["category 1"].tolist() == ["new", "y"]
    assert list(decoded["category 1"].cat.categories) == ["y", "x", "z", "new"]
    assert list(decoded["category 0"].cat.categories) == ["y", "x", "z"]
    assert notes.lines == ['data[0]["category 1"]: "new" is not one of the categories that the model was saved with']
