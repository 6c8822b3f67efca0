"""What is decoded a slice at a time is what it would be as a whole, wherever the slices begin and end."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlem_model.data.types.any import infer
from mlem_model.data.types.stopping import StoppedError, stoppable
from mlem_model.errors import DataError
from mlem_model.models.model import Argument
from mlem_server.decoding.json_decoder import compiled_value
from mlem_server.decoding.slices import Slices

SIZES = st.integers(1, 200)
TEXTS = st.text(st.sampled_from('ab,[]{}":\\ \n\u00e4'), max_size=8)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


def slices_of(data_type: Any, size: int) -> Slices:
    return Slices(Argument(name="x", data_type=data_type), compiled_value(data_type), size)


def check(value: Any, size: int, *, indent: int | None = None) -> None:
    data_type = infer(value, "x")
    payload = data_type.encode(value)
    whole = data_type.decode(payload, "x")
    found = slices_of(data_type, size).decode(json.dumps({"x": payload}, indent=indent).encode(), bare=False)
    bare = slices_of(data_type, size).decode(json.dumps(payload, indent=indent).encode(), bare=True)
    if not payload:
        assert found is None
        return
    for one in (found, bare):
        assert type(one) is type(whole)
        if isinstance(whole, pandas.DataFrame):
            pandas.testing.assert_frame_equal(one, whole)
        elif isinstance(whole, pandas.Series):
            pandas.testing.assert_series_equal(one, whole)
        else:
            numpy.testing.assert_equal(one, whole)
            assert getattr(one, "dtype", None) == getattr(whole, "dtype", None)


@settings(deadline=None)
@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1), SIZES, st.sampled_from([None, 1]))
def test_rows_of_numbers(rows: list[tuple[float, float]], size: int, indent: int | None) -> None:
    check(numpy.array(rows), size, indent=indent)
    check(pandas.DataFrame(rows, columns=["a", "b,]"]), size, indent=indent)


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, FLOATS, st.booleans()), min_size=1), SIZES)
def test_records_whose_texts_have_what_json_is_made_of(rows: list[tuple[str, float, bool]], size: int) -> None:
    check(pandas.DataFrame(rows, columns=["text", "number", "flag"]), size)


@settings(deadline=None)
@given(st.lists(TEXTS), SIZES)
def test_lists_series_and_arrays_of_texts(texts: list[str], size: int) -> None:
    check(texts or ["a"], size)
    check(pandas.Series(texts or ["a"], dtype="str"), size)
    check(numpy.array(texts or ["a"]), size)


@settings(deadline=None)
@given(st.integers(1, 9), SIZES)
def test_arrays_of_more_dimensions(count: int, size: int) -> None:
    check(numpy.arange(count * 6.0).reshape(count, 2, 3), size)
    check(numpy.arange(count), size)


@pytest.mark.parametrize("size", [1, 20, 100, 5000])
@pytest.mark.parametrize("at", [0, 1, 57, 199])
def test_an_error_names_its_row_as_in_the_whole(size: int, at: int) -> None:
    data_type = infer(pandas.DataFrame({"a": [1.5], "b": [2]}), "x")
    rows: list[dict[str, Any]] = [{"a": 0.5, "b": 1} for _ in range(200)]
    rows[at]["b"] = "no"
    with pytest.raises(DataError) as whole:
        data_type.decode(rows, "x")
    with pytest.raises(DataError) as sliced:
        slices_of(data_type, size).decode(json.dumps({"x": rows}).encode(), bare=False)
    assert (sliced.value.path, sliced.value.expected, sliced.value.got) == (
        whole.value.path,
        whole.value.expected,
        whole.value.got,
    )


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"{}", b'{"x": 1}', b'{"x": []}', b'{"y": [[1.5, 2.5]]}', b'{"x": [[1.5, 2.5]], "y": 1}',
        b'{"x": [[1.5, 2.5]', b"[[1.5, 2.5]",
        b'{"x": {"a": [1]}}', b'"x"', b'{"x": [[1.5, 2.5]]]}', b'{"x": [[1.5, 2.5] [1.5, 2.5]]}',
        b'{"x": [[1.5, 2.5],]}',
        b'{"x": [[1.5, 2.5], \n ]}', b'{"x": [,[1.5, 2.5]]}', b'{"x": [\xff]}',
    ],
)  # fmt: skip
def test_what_is_not_a_list_of_rows_alone_is_left_to_others(body: bytes) -> None:
    data_type = infer(numpy.array([[1.5, 2.5]]), "x")
    for size in (1, 1000):
        assert slices_of(data_type, size).decode(body, bare=False) is None


def test_who_is_not_waited_for_stops_at_the_next_slice() -> None:
    data_type = infer(numpy.array([[1.5, 2.5]]), "x")
    body = json.dumps({"x": [[1.5, 2.5]] * 1000}).encode()
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 3

    with pytest.raises(StoppedError), stoppable(stopped):
        slices_of(data_type, 10).decode(body, bare=False)
    assert asked == 4
