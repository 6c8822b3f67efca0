"""Streams of Arrow that begin in a known way are read without pyarrow, and give what pyarrow gives."""

from __future__ import annotations

import io
import random
from typing import Any

import numpy
import pandas
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlem_model.data.formats.arrow.known import Layouts
from mlem_model.data.formats.binary import ARROW, dump, load
from mlem_model.data.types.any import DataType, infer
from mlem_model.errors import DataError, MlemError, UserError

pytestmark = pytest.mark.skipif(int(pandas.__version__.partition(".")[0]) < 3, reason="texts are objects there")
COLUMNS: dict[str, Any] = {
    "float64": numpy.array([1.5, -0.0, numpy.nan]), "float32": numpy.array([0.5, 2, numpy.inf], "float32"),
    "int64": numpy.array([1, 2, -(2**63)]), "uint8": numpy.array([0, 255, 7], "uint8"),
    "bool": numpy.array([True, False, True]), "str": ["a", "", "\N{SNOWMAN} c"], "lacking": ["a", None, "c"],
    "category": pandas.Categorical(["x", None, "y"], categories=["y", "x", "z"]),
    "sizes": pandas.Categorical([3, 1, 3], categories=[1, 3], ordered=True),
    "time": pandas.to_datetime(["2024-01-01", None, "2024-01-02T03:04:05.678"], format="ISO8601"),
}  # fmt: skip


class Bounded:
    """What a server reads hostile streams with; it counts them."""

    def __init__(self, most_bytes: float = 2**20) -> None:
        self.most_bytes = most_bytes
        self.read = 0

    def __call__(self, body: bytes | bytearray) -> pyarrow.Table:
        self.read += 1
        with pyarrow.ipc.open_stream(pyarrow.py_buffer(body)) as reader:
            table = reader.read_all()
        table.validate(full=True)
        return table


def frame(kinds: list[str], rows: int = 3) -> pandas.DataFrame:
    made = pandas.DataFrame({f"{kind} {at}": pandas.Series(COLUMNS[kind]) for at, kind in enumerate(kinds)})
    return pandas.concat([made] * rows, ignore_index=True)[:rows].copy()


def stream(table: pyarrow.Table, **options: Any) -> bytearray:
    buffer = io.BytesIO()
    with pyarrow.ipc.new_stream(buffer, table.schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return bytearray(buffer.getvalue())


def outcome(data_type: DataType, body: bytearray, read: Any) -> Any:
    try:
        return load(data_type, body, ARROW, "X", read=read)
    except MlemError as error:
        return (type(error), error.code, error.message)


def test_what_begins_as_the_first_one_is_read_without_pyarrow() -> None:
    value = frame(list(COLUMNS))
    data_type = infer(value)
    read = Bounded()
    for rows in (3, 1, 2, 3, 100):
        sent = frame(list(COLUMNS), rows)
        got = load(data_type, bytearray(dump(data_type, sent, ARROW)), ARROW, read=read)
        pandas.testing.assert_frame_equal(got, sent)
        assert got.columns.dtype == sent.columns.dtype
    assert read.read == 1


@given(st.lists(st.sampled_from(sorted(COLUMNS)), min_size=1, max_size=8), st.sampled_from([1, 3, 70, 700]))
@settings(max_examples=50, deadline=None)
def test_a_frame_of_any_columns_is_the_same_the_second_time(kinds: list[str], rows: int) -> None:
    value = frame(kinds, rows)
    data_type = infer(value)
    body = bytearray(dump(data_type, value, ARROW))
    first, second = load(data_type, bytearray(body), ARROW), load(data_type, bytearray(body), ARROW)
    pandas.testing.assert_frame_equal(first, value)
    pandas.testing.assert_frame_equal(second, value)
    for at in range(second.shape[1]):
        second.iloc[0, at] = second.iloc[rows - 1, at]
    pandas.testing.assert_frame_equal(second[1:], value[1:])


@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "int8", "bool"])
def test_an_array_is_the_same_the_second_time_and_can_be_written_to(dtype: str) -> None:
    value = (numpy.arange(60).reshape(20, 3) % 5).astype(dtype)
    data_type = infer(value)
    read = Bounded()
    for rows in (20, 7, 1):
        got = load(data_type, bytearray(dump(data_type, value[:rows], ARROW)), ARROW, read=read)
        assert (got.dtype, got.tolist(), got.flags.c_contiguous) == (value.dtype, value[:rows].tolist(), True)
        got[0, 0] = got[0, 1]
    assert read.read == 1


def test_an_array_with_missing_numbers_has_them_the_second_time() -> None:
    value = numpy.array([[1.0, numpy.nan], [numpy.nan, 4.0]])
    data_type = infer(value)
    table = pyarrow.table({"0": [1.0, None], "1": pyarrow.array([float("nan"), 4.0])})
    for _ in range(2):
        assert numpy.array_equal(load(data_type, stream(table), ARROW), value, equal_nan=True)


MIXED = frame(["float64", "str", "int64", "category", "bool", "time", "lacking", "float64"])


def test_each_caller_is_answered_in_its_own_way_of_writing() -> None:
    data_type = infer(MIXED)
    own = pyarrow.Table.from_pandas(MIXED, preserve_index=False)
    ways = [
        lambda: stream(own), lambda: stream(own.replace_schema_metadata()), lambda: stream(own, compression="zstd"),
        lambda: stream(pyarrow.concat_tables([own.slice(0, 1), own.slice(1)])), lambda: stream(own.slice(1)),
        lambda: stream(own.select(own.column_names[::-1])), lambda: bytearray(dump(data_type, MIXED, ARROW)),
        lambda: stream(own)[:-8],
    ]  # fmt: skip
    for _ in range(2):
        for number, way in enumerate(ways):
            wanted = MIXED[1:].reset_index(drop=True) if number == 4 else MIXED
            pandas.testing.assert_frame_equal(load(data_type, way(), ARROW), wanted)


def test_what_a_known_beginning_leads_to_is_refused_as_by_pyarrow() -> None:
    data_type, other = infer(MIXED), infer(MIXED)
    body = stream(pyarrow.Table.from_pandas(MIXED, preserve_index=False))
    load(data_type, bytearray(body), ARROW)
    layouts = Layouts.of(data_type)
    assert layouts is not None
    assert layouts.read(body) is not None
    chance = random.Random(0)
    begins = body.rfind(b"\xff\xff\xff\xff", 0, len(body) - 8)
    refused = 0
    for _ in range(1500):
        changed = bytearray(body)
        for _ in range(chance.choice([1, 1, 3])):
            changed[chance.randrange(begins, len(body))] = chance.choice(
                [0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)]
            )
        if chance.random() < 0.1:
            del changed[chance.randrange(begins, len(body)) :]
        short, long = (outcome(kind, bytearray(changed), Bounded()) for kind in (data_type, other))
        if isinstance(long, tuple):
            refused += 1
            assert short == long
        else:
            pandas.testing.assert_frame_equal(short, long)
        Layouts.of(other)._layouts = ()  # type: ignore[union-attr]  # it is to be read by pyarrow again
    assert refused > 100


def test_a_stream_of_a_known_beginning_may_not_become_too_large() -> None:
    value = numpy.zeros((5, 2), "bool")
    data_type = infer(value)
    read = Bounded(2**16)
    load(data_type, bytearray(dump(data_type, value, ARROW)), ARROW, read=read)
    large = bytearray(dump(data_type, numpy.zeros((10_000, 2), "bool"), ARROW))
    assert len(large) < read.most_bytes
    load(data_type, large, ARROW, read=read)
    assert read.read == 2  # pyarrow's way decides, which the server bounds


def test_a_column_of_another_type_is_told_as_ever() -> None:
    value = frame(["float64", "str"])
    data_type = infer(value)
    table = pyarrow.table({"float64 0": ["x"], "str 1": ["y"]})
    for _ in range(2):
        with pytest.raises((DataError, UserError)) as refused:
            load(data_type, stream(table), ARROW, "X")
        assert refused.value.message.startswith("X[0]")
