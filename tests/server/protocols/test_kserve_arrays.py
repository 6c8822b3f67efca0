"""Binary tensors give the values, the refusals and the answers that the same numbers give as JSON."""

from __future__ import annotations

import json
from typing import Any

import numpy
import pandas
import pytest

from mlem_model.data.types.any import DataType, infer
from mlem_model.models.model import Argument, Method
from mlem_server.decoding.limits import Limits
from mlem_server.decoding.threads import DecodingThreads
from mlem_server.http.body_budget import BodyBudget
from mlem_server.http.errors import HttpError
from mlem_server.http.response import Response
from mlem_server.inference.dispatching.dispatch import Dispatcher
from mlem_server.inference.endpoint import Endpoint
from mlem_server.inference.error_mapping import ErrorMapping
from mlem_server.inference.readiness import Health
from mlem_server.inference.service import CallService
from mlem_server.protocols.kserve import KServe
from mlem_server.telemetry.metrics import Metrics

DTYPES = {
    "FP16": "<f2", "FP32": "<f4", "FP64": "<f8", "INT8": "<i1", "INT16": "<i2", "INT32": "<i4", "INT64": "<i8",
    "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "BOOL": "?",
}  # fmt: skip
DECLARED = ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "uint64", "bool", "str"]


def kserve(takes: DataType, returns: DataType, model: Any = None, limits: Limits | None = None) -> KServe:
    """Return the protocol for a model of one argument ``x``."""
    method = Method(name="predict", args=(Argument(name="x", data_type=takes),), returns=returns)
    metrics = Metrics([])
    metrics.of("m").serve("d1", {"predict": method})
    endpoint = Endpoint("predict", method) if limits is None else Endpoint("predict", method, limits=limits)
    service = CallService(
        {"predict": endpoint},
        Dispatcher(8),
        metrics.of("m"),
        ErrorMapping(metrics, hide_model_errors=False),
        BodyBudget(2**20),
        DecodingThreads(),
    )
    return KServe(service, Health("d1"), "m", "d1")


def sent(tensors: dict[str, Any], *, binary: bool, shape: list[int] | None = None, **more: Any) -> tuple[bytes, bytes]:
    """Return a request and its header for arrays."""
    names = {numpy.dtype(dtype): name for name, dtype in DTYPES.items()}
    inputs = [
        {"name": name, "shape": shape or list(array.shape), "datatype": names[array.dtype]}
        | (
            {"parameters": {"binary_data_size": array.nbytes}}
            if binary
            else {"data": array.ravel().astype(object).tolist()}
        )
        for name, array in tensors.items()
    ]
    head = json.dumps({"inputs": inputs, **more}).encode()
    return head + b"".join(array.tobytes() for array in tensors.values()) * binary, b"%d" % len(head)


def values(protocol: KServe, tensors: dict[str, Any], *, binary: bool, shape: list[int] | None = None) -> Any:
    """Return what a method gets, or how the caller is refused."""
    body, header = sent(tensors, binary=binary, shape=shape)
    try:
        return protocol.inference(body, header if binary else None).call.values["x"]
    except HttpError as error:
        return error.status, error.code, error.message


def array_like(dtype: str) -> DataType:
    return infer(numpy.array([["a", "b"]] if dtype == "str" else [[0, 1]], dtype=None if dtype == "str" else dtype))


def same(one: Any, other: Any) -> None:
    assert type(one) is type(other), (one, other)
    if isinstance(one, pandas.DataFrame):
        pandas.testing.assert_frame_equal(one, other)
    elif isinstance(one, numpy.ndarray):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        assert numpy.ascontiguousarray(one).tobytes() == numpy.ascontiguousarray(other).tobytes()
        assert one.flags.writeable
        assert one.flags.aligned
    else:
        assert one == other


def extremes(datatype: str) -> list[Any]:
    dtype = numpy.dtype(DTYPES[datatype])
    if dtype.kind == "b":
        return [[True, False]]
    if dtype.kind == "f":
        bounds = numpy.finfo(dtype)
        return [[0.1, -0.0], [float(bounds.max), float(bounds.tiny)], [numpy.nan, 1.0], [numpy.inf, -numpy.inf]]
    whole = numpy.iinfo(dtype)
    return [[0, 1], [whole.min, whole.max]]


@pytest.mark.parametrize("declared", DECLARED)
@pytest.mark.parametrize("datatype", DTYPES)
def test_an_array_is_what_it_is_as_json(datatype: str, declared: str) -> None:
    protocol = kserve(array_like(declared), infer(numpy.zeros(2)))
    for row in extremes(datatype):
        tensors = {"x": numpy.array([row, row, row], dtype=DTYPES[datatype])}
        by_bytes = values(protocol, tensors, binary=True)
        if declared == numpy.dtype(DTYPES[datatype]).name and declared in ("float16", "float32"):
            same(by_bytes, tensors["x"].copy())  # as in npy: what is infinite is no number out of range
        else:
            same(by_bytes, values(protocol, tensors, binary=False))


@pytest.mark.parametrize("declared", DECLARED)
@pytest.mark.parametrize("datatype", DTYPES)
def test_columns_are_what_they_are_as_json(datatype: str, declared: str) -> None:
    sample = pandas.DataFrame({"a": [0.5], "b": [1.5]})
    for dtypes in ({"a": declared, "b": declared}, {"a": declared}):
        protocol = kserve(infer(sample.astype(dtypes)), infer(numpy.zeros(2)))
        for row in extremes(datatype):
            column = numpy.array(row, dtype=DTYPES[datatype])
            other = column.reshape(2, 1) if "b" in dtypes else numpy.array([0.5, 1.5])
            for tensors in ({"a": column, "b": other}, {"b": other, "a": column}):
                by_bytes = values(protocol, tensors, binary=True)
                if not numpy.isfinite(column).all() and declared in ("float16", "float32"):
                    assert type(by_bytes) in (pandas.DataFrame, tuple)
                else:
                    same(by_bytes, values(protocol, tensors, binary=False))


FRAME = infer(pandas.DataFrame({"a": [0.5], "b": [1.5]}))
ONES = numpy.ones((2, 2))


@pytest.mark.parametrize(
    ("tensors", "shape"),
    [
        ({"x": numpy.ones((2, 3))}, None),
        ({"x": numpy.ones(2)}, None),
        ({"x": numpy.ones((2, 2, 1))}, None),
        ({"x": ONES}, [2, 3]),
        ({"x": ONES}, [4, 0]),
        ({"x": numpy.ones((0, 2))}, None),
        ({"x": numpy.ones((0, 2))}, [3, 0]),
        ({"x": numpy.ones((0, 2))}, [0, 2**62, 2**62]),
        ({"x": numpy.ones((0, 2))}, [10**8, 0]),
        ({"x": ONES, "y": ONES}, None),
        ({"y": ONES}, None),
        ({"a": numpy.ones(2)}, None),
        ({"a": numpy.ones(2), "b": numpy.ones(3)}, None),
        ({"a": numpy.ones(2), "b": numpy.ones((2, 2))}, None),
        ({"a": numpy.ones(2), "b": numpy.ones(2), "c": numpy.ones(2)}, None),
        ({"a": numpy.float64(1).reshape(()), "b": numpy.float64(1).reshape(())}, None),
        ({"b": numpy.ones((2, 1)), "a": numpy.zeros(2)}, None),
        ({}, None),
    ],
    ids=str,
)
@pytest.mark.parametrize("takes", [array_like("float64"), infer(numpy.zeros(2)), FRAME], ids=["rows", "one", "frame"])
def test_shapes_and_names_are_refused_in_the_same_words(
    takes: DataType, tensors: dict[str, Any], shape: list[int] | None
) -> None:
    protocol = kserve(takes, infer(numpy.zeros(2)))
    same(
        values(protocol, tensors, binary=True, shape=shape),
        values(protocol, tensors, binary=False, shape=shape),
    )


def test_numbers_that_would_become_values_of_python_are_bounded_and_others_are_not() -> None:
    limits = Limits(24 * 1000)
    tensors = {"x": numpy.ones((1000, 2), "<f4")}
    refused = values(kserve(array_like("int64"), infer(ONES), limits=limits), tensors, binary=True)
    assert refused[:2] == (413, "too-many-values")
    assert values(kserve(array_like("float64"), infer(ONES), limits=limits), tensors, binary=True) == refused
    taken = values(kserve(array_like("float32"), infer(ONES), limits=limits), tensors, binary=True)
    same(taken, tensors["x"].copy())


ANSWERS = {
    "floats": numpy.array([0.1, -0.0, 1e-310, numpy.inf]),
    "rows": numpy.arange(6.0).reshape(2, 3).T,
    "float32": numpy.array([[0.1, 3.4e38]], "float32"),
    "integers": numpy.array([-(2**63), 2**63 - 1]),
    "big-endian": numpy.array([1.5, 2.5], ">f8"),
    "booleans": numpy.array([True, False]),
    "none": numpy.zeros((0, 3)),
    "texts": numpy.array(["a", "\u00e9"]),
    "frame": pandas.DataFrame({"a": [0.5, 1.5], "b": [2.5, -0.0]}),
    "frame of several": pandas.DataFrame({"a": [0.5, 1.5], "b": [1, 2], "c": ["x", "y"]}),
    "another type": numpy.array([1, 2], "int32"),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("by_default", [True, False])
def test_answers_have_the_bytes_that_their_json_says(name: str, by_default: bool) -> None:
    answer = ANSWERS[name]
    returns = infer(answer if name != "another type" else numpy.zeros(2))
    protocol = kserve(array_like("float64"), returns)

    def answered(more: dict[str, Any], model: Any = lambda x: answer) -> Response:
        body, header = sent({"x": ONES}, binary=True, **more)
        inference = protocol.inference(body, header)
        found = inference.call.ask(type("Model", (), {"predict": staticmethod(model)})())
        return protocol.answer(inference, found)

    columns = list(answer.columns) if isinstance(answer, pandas.DataFrame) else ["predict"]
    asked = [{"name": column, "parameters": {"binary_data": True}} for column in columns]
    binary = answered({"parameters": {"binary_data_output": True}} if by_default else {"outputs": asked})
    size = int(binary.headers["inference-header-content-length"])
    rest = binary.body[size:]
    for tensor, plain in zip(
        json.loads(binary.body[:size])["outputs"], json.loads(answered({}).body)["outputs"], strict=True
    ):
        count = tensor.pop("parameters")["binary_data_size"]
        content, rest, data = rest[:count], rest[count:], plain.pop("data")
        assert tensor == plain
        if plain["datatype"] == "BYTES":
            continue
        dtype = numpy.dtype(DTYPES[plain["datatype"]])
        assert content == numpy.array([float(x) if dtype.kind == "f" else x for x in data], dtype).tobytes()
    assert rest == b""
