"""The compiled decoder and the long way give the same values for what both accept."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import numpy
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem_model.data.types.any import DataType, infer
from mlem_model.errors import MlemError
from mlem_model.models.model import Argument, Method
from mlem_server.decoding.json_decoder import compiled, parse_json

TYPES = {
    "int": infer(1),
    "float": infer(1.5),
    "str": infer("a"),
    "bool": infer(True),
    "list of floats": infer([1.5]),
    "list of strings": infer(["a"]),
    "float64 (any, 2)": infer(numpy.zeros((1, 2))),
    "float64 (any,)": infer(numpy.zeros(1)),
    "int8 (any, 2)": infer(numpy.zeros((1, 2), dtype="int8")),
    "uint64 (any,)": infer(numpy.zeros(1, dtype="uint64")),
    "float32 (any,)": infer(numpy.zeros(1, dtype="float32")),
    "str (any,)": infer(numpy.array(["a"])),
    "frame of floats": infer(pandas.DataFrame({"a": [1.5], "b c": [2.5]})),
    "frame of ints": infer(pandas.DataFrame({"a": [1], "b c": [2]})),
}
LEAF = (
    st.integers(-300, 300)
    | st.sampled_from([2**53 + 1, 2**63, -(2**63), 2**64, 10**30, 1e400, 5.0, -0.0])
    | st.floats()
    | st.booleans()
    | st.none()
    | st.sampled_from(["a", "NaN", "Infinity", ""])
)
PAYLOADS = (
    LEAF
    | st.lists(LEAF | st.lists(LEAF, max_size=3), max_size=3)
    | st.lists(st.dictionaries(st.sampled_from(["a", "b c", "d"]), LEAF, max_size=3), max_size=3)
)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, pandas.DataFrame):
        return bool(a.equals(b) and (a.dtypes == b.dtypes).all())
    if isinstance(a, numpy.ndarray):
        return (
            a.dtype == b.dtype and a.shape == b.shape and bool(numpy.array_equal(a, b, equal_nan=a.dtype.kind == "f"))
        )
    return type(a) is type(b) and (a == b or repr(a) == repr(b))


@pytest.mark.parametrize("data_type", TYPES.values(), ids=TYPES.keys())
@given(payload=PAYLOADS)
def test_what_is_taken_the_short_way_is_what_the_long_way_makes_of_it(data_type: DataType, payload: Any) -> None:
    method = Method(name="predict", args=(Argument(name="X", data_type=data_type),), returns=infer(1))
    body = json.dumps({"X": payload}).encode()
    short = compiled(method)(body)
    if short is not None:
        assert same(short["X"], method.decode_args(parse_json(body))["X"])


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("float64 (any, 2)", [[1, 2.5], [3.0, 4]]),
        ("int8 (any, 2)", [[1, 2], [3, -128]]),
        ("frame of floats", [{"b c": 1, "a": 2.5}]),
        ("list of floats", [1, 2.5]),
        ("str", "text"),
    ],
)
def test_what_callers_send_most_goes_the_short_way(name: str, payload: Any) -> None:
    method = Method(name="predict", args=(Argument(name="X", data_type=TYPES[name]),), returns=infer(1))
    assert compiled(method)(json.dumps({"X": payload}).encode()) is not None


def test_arguments_with_defaults_may_be_left_out() -> None:
    optional = Argument(name="k", data_type=infer(3), required=False, default=3)
    method = Method(name="predict", args=(optional, Argument(name="a-b", data_type=infer(1.5))), returns=infer(1))
    decode = compiled(method)
    assert decode(b'{"a-b": 2}') == {"a-b": 2.0}
    assert decode(b'{"a-b": 2, "k": 1}') == {"k": 1, "a-b": 2.0}
    assert decode(b'{"k": 1}') is None
    assert decode(b'{"a-b": 2, "other": 1}') is None


@given(st.binary(max_size=60))
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    method = Method(name="predict", args=(Argument(name="X", data_type=TYPES["float64 (any, 2)"]),), returns=infer(1))
    assert compiled(method)(body) is None
    with contextlib.suppress(MlemError):  # whatever else comes out would be a failure of the server
        method.decode_args(parse_json(body))
