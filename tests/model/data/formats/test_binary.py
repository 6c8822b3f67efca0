"""Binary formats carry what JSON carries."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy
import pandas
import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mlem_model.data.formats.binary import ARROW, NPY, dump, formats_of, load
from mlem_model.data.types.any import infer
from mlem_model.errors import DataError, UserError

ARRAYS = st.one_of(
    [
        arrays.arrays(dtype, arrays.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
        for dtype in ("float64", "float32", "float16", "int64", "int8", "uint64", "bool", ">f8")
    ]
)


@given(ARRAYS)
def test_an_array_comes_back_in_every_format(array: Any) -> None:
    data_type = infer(array)
    for media_type in formats_of(data_type):
        back = load(data_type, bytearray(dump(data_type, data_type.accept(array), media_type)), media_type)
        assert (back.dtype, back.shape) == (array.dtype.newbyteorder("="), array.shape)
        assert numpy.array_equal(back, array, equal_nan=array.dtype.kind == "f")


FRAMES = [
    pandas.DataFrame({"a": [1.5, None], "b": ["x", None], "c": pandas.to_datetime(["2020-01-01", "2021-01-01"])}),
    pandas.DataFrame({"a": pandas.Categorical(["u", "v", "u"]), "b": pandas.array([1, None, 3], dtype="Int64")}),
    pandas.DataFrame({0: [1, 2], 7: [True, False]}),
    pandas.DataFrame({"a": pandas.to_datetime(["2020-01-01T00:00:00+02:00"]).tz_convert("Europe/Berlin")}),
]


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_comes_back_from_arrow_as_from_json(frame: Any) -> None:
    data_type = infer(frame)
    back = load(data_type, dump(data_type, data_type.accept(frame), ARROW), ARROW)
    pandas.testing.assert_frame_equal(back, data_type.decode(data_type.encode(frame)))


def test_a_series_comes_back_from_arrow() -> None:
    for series in (pandas.Series([1, 2], name="n"), pandas.Series(["a", None]), pandas.Series([1.5, None])):
        data_type = infer(series)
        pandas.testing.assert_series_equal(
            load(data_type, dump(data_type, series, ARROW), ARROW), data_type.decode(data_type.encode(series))
        )


@given(st.lists(st.text(), min_size=1))
def test_a_batch_of_texts_comes_back_from_arrow_as_from_json(texts: list[str]) -> None:
    data_type = infer(texts)
    assert formats_of(data_type) == (ARROW,)
    assert load(data_type, dump(data_type, data_type.accept(texts), ARROW), ARROW) == texts
    assert data_type.decode(data_type.encode(texts)) == texts


@pytest.mark.parametrize(
    "columns", [{"a": ["x"], "b": ["y"]}, {}, {"a": [1]}, {"a": [None]}, {"a": [b"x"]}, {"a": [["x"]]}], ids=str
)
def test_a_table_that_is_no_batch_of_texts_is_refused(columns: dict[str, Any]) -> None:
    table = pyarrow.table(columns)
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(DataError):
        load(infer(["x"]), sink.getvalue().to_pybytes(), ARROW)


def test_columns_may_come_in_another_order_and_not_under_other_names() -> None:
    frame = pandas.DataFrame({"a": [1.5], "b": [2.5]})
    data_type = infer(frame)
    back = load(data_type, dump(data_type, frame[["b", "a"]], ARROW), ARROW)
    assert list(back.columns) == ["a", "b"]
    with pytest.raises(DataError, match=r"X\[0\]\.c: expected one of the columns a, b"):
        load(data_type, dump(data_type, frame.rename(columns={"b": "c"}), ARROW), ARROW, "X")


def test_values_that_do_not_fit_are_refused_as_from_json() -> None:
    data_type = infer(numpy.zeros((2, 2), dtype="int8"))
    for array in (numpy.full((2, 2), 300), numpy.zeros((2, 3), dtype="int8"), numpy.full((2, 2), 0.5)):
        with pytest.raises(DataError):
            load(data_type, dump(data_type, array, NPY), NPY)


def test_an_array_can_be_written_to() -> None:
    data_type = infer(numpy.zeros((2, 2)))
    back = load(data_type, bytearray(dump(data_type, numpy.ones((2, 2)), NPY)), NPY)
    back[0, 0] = 7.0
    assert back.tolist() == [[7.0, 1.0], [1.0, 1.0]]


@given(st.binary(max_size=200), st.sampled_from([NPY, ARROW]), st.booleans())
def test_any_bytes_are_read_or_refused(body: bytes, media_type: str, framed: bool) -> None:
    value = pandas.DataFrame({"a": [1.5]}) if framed else numpy.zeros((2, 2))
    data_type = infer(value)
    whole = dump(data_type, value, media_type if media_type in formats_of(data_type) else ARROW)
    for mutated in (body, whole[: len(body)] + body + whole[2 * len(body) :]):
        with contextlib.suppress(UserError):  # anything else would be a failure of the server
            load(data_type, mutated, media_type if media_type in formats_of(data_type) else ARROW)


@pytest.mark.parametrize("index", [None, pandas.Index([7, 8])], ids=["counting", "needed"])
def test_an_index_that_arrow_wrote_as_a_column_of_its_own_is_the_index(index: Any) -> None:
    frame = pandas.DataFrame({"a": [1.5, 2.5]}, index=index)
    table = pyarrow.Table.from_pandas(frame, preserve_index=True)
    assert table.column_names == ["a", "__index_level_0__"]
    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    pandas.testing.assert_frame_equal(load(infer(frame), sink.getvalue().to_pybytes(), ARROW), frame)
