"""What a stream of Arrow unfolds to is told before it is unfolded."""

from __future__ import annotations

import contextlib
import io
import struct
from typing import Any

import numpy
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlem_model.data.formats.arrow_bounds import check_stream, check_table
from mlem_model.errors import UserError

MOST = 2**20


def stream(table: pyarrow.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with pyarrow.ipc.new_stream(buffer, table.schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return buffer.getvalue()


PLAIN = pyarrow.table(
    {"a": numpy.zeros(1000), "b": ["x"] * 1000, "c": pyarrow.array(["u", "v"] * 500).dictionary_encode()}
)


def test_a_plain_stream_may_be_read_and_a_compressed_one_elsewhere() -> None:
    assert check_stream(stream(PLAIN), MOST) is False
    assert check_stream(stream(PLAIN, compression="zstd"), MOST) is True
    assert check_stream(stream(PLAIN, compression="lz4"), MOST) is True
    check_table(PLAIN, MOST)


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.nulls(10**9),
        numpy.zeros(10**6, dtype="bool"),
        pyarrow.RunEndEncodedArray.from_arrays([2**31 - 1], [1.0]),
        pyarrow.array([b""] * 10**6, pyarrow.binary(0)),
        pyarrow.ListArray.from_arrays([0, 10**9], pyarrow.nulls(10**9)),
    ],
    ids=["nulls", "bits", "runs", "empty", "lists of nulls"],
)
def test_more_rows_than_fit_are_refused_whatever_they_take_on_the_wire(column: Any) -> None:
    with pytest.raises(UserError) as refused:
        check_stream(stream(pyarrow.table({"a": column})), MOST)
    assert refused.value.code == "unfolds-too-large"


def test_texts_that_repeat_count_each_time() -> None:
    repeated = pyarrow.DictionaryArray.from_arrays(
        pyarrow.array([0] * 1000, pyarrow.int8()), pyarrow.array(["x" * 10_000])
    )
    table = pyarrow.table({"a": repeated})
    assert check_stream(stream(table), MOST) is False
    with pytest.raises(UserError) as refused:
        check_table(table, MOST)
    assert refused.value.code == "unfolds-too-large"


@pytest.mark.skipif(
    pyarrow.__version__.startswith("18."), reason="pyarrow 18 makes no views from buffers: Arrow as it comes has them"
)
def test_texts_that_views_share_count_each_time() -> None:
    text, count = b"x" * 10_000, 1000
    view = struct.pack("<i4sii", len(text), text[:4], 0, 0)
    shared = pyarrow.Array.from_buffers(
        pyarrow.string_view(), count, [None, pyarrow.py_buffer(view * count), pyarrow.py_buffer(text)]
    )
    table = pyarrow.table({"a": shared})
    assert len(stream(table)) < MOST
    with pytest.raises(UserError) as refused:
        check_table(table, MOST)
    assert refused.value.code == "unfolds-too-large"
    check_table(
        pyarrow.table({"a": pyarrow.array(["x", "a text that is not within its view"], pyarrow.string_view())[1:]}), 40
    )


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_damaged_stream_is_an_error_of_pyarrow_or_of_ours(data: st.DataObject) -> None:
    content = bytearray(stream(PLAIN, compression=data.draw(st.sampled_from([None, "zstd"]))))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(
        UserError, ValueError, OSError, KeyError, MemoryError, pyarrow.ArrowException, struct.error
    ):
        check_stream(bytes(content), MOST)
