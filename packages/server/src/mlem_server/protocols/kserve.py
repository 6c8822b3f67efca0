"""KServe's open inference protocol, version 2, over HTTP: the model's methods for clients and load tools that speak it.

Source: https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol and
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md (read 2026-11).

A frame is one tensor for each column; every other argument is one tensor of its own name. The method is ``predict``; another one is
named by the parameter ``method``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlem.data import DataFrameType, DataType, ListType, NdarrayType, NumberType, PrimitiveType, SeriesType
from mlem.data_types.base import name_of
from mlem.data_types.scalars import kind_of
from mlem.model import Model
from mlem_server.http.errors import HttpError
from mlem_server.http.response import Response, to_json
from mlem_server.inference.endpoint import Call, Endpoint, type_of_answer
from mlem_server.protocols.kserve_binary import EXTENSION, HEADER, OCTETS, join, split, wanted
from mlem_server.protocols.sagemaker import DEFAULT_METHOD

PLATFORM = "mlem"
_DATATYPES = {"bool": "BOOL", "str": "BYTES", "object": "BYTES", "datetime": "BYTES", "float": "FP64", "int": "INT64"}
_DIMENSIONS = 32
"""As many as an array of NumPy had up to version 2."""
_LONGEST = 2**63
_EMPTY_ROWS = 100_000
_PRIMITIVES = {"int": "INT64", "float": "FP64", "bool": "BOOL"}


@dataclass(frozen=True)
class Inference:
    """One inference request.

    Attributes:
        call: The call of the model.
        id: The caller's name for it.
        binary: Which outputs are to be binary; see `mlem_server.protocols.kserve_binary.wanted`.
    """

    call: Call
    id: str | None
    binary: tuple[bool, frozenset[str]]


class KServe:
    """The protocol for one model.

    Args:
        name: The model's name.
        version: The server's version.
        model: The metadata.
        endpoints: The methods.

    Attributes:
        path: The model's path: ``/v2/models/iris``.
    """

    def __init__(self, name: str, version: str, model: Model, endpoints: Mapping[str, Endpoint]) -> None:
        self._name = name
        self._version = version
        self._model = model
        self._endpoints = endpoints
        self._default = DEFAULT_METHOD if DEFAULT_METHOD in endpoints else next(iter(endpoints))
        self.path = f"/v2/models/{name}"

    def documents(self) -> dict[str, Any]:
        """Return what describes server and model, by path."""
        method = self._endpoints[self._default].method
        inputs = [tensor for argument in method.args for tensor in _describe(argument.name, argument.data_type)]
        return {
            "/v2": {"name": "mlem-server", "version": self._version, "extensions": [EXTENSION]},
            self.path: {
                "name": self._name,
                "versions": [self._model.digest],
                "platform": PLATFORM,
                "inputs": inputs,
                "outputs": _describe(self._default, method.returns),
            },
        }

    def inference(self, body: bytes | bytearray, header: bytes | None = None) -> Inference:
        """Read an inference request.

        Args:
            body: The whole body.
            header: How many bytes of it are JSON; binary tensors follow.

        Raises:
            HttpError: 400 no JSON, or sizes that do not fit the body; 404 an unknown method; 422 tensors that are not those of the
                method, or of wrong sizes.
        """
        limits = next(iter(self._endpoints.values())).limits
        document = split(body, header, limits)
        if not isinstance(document, dict) or not isinstance(document.get("inputs"), list):
            raise _wrong("body", "an object with a list of inputs", "something else")
        parameters = document.get("parameters") or {}
        name = parameters.get("method", self._default) if isinstance(parameters, dict) else self._default
        if not isinstance(name, str):
            raise _wrong("parameters.method", "the name of a method", name_of(name))
        if name not in self._endpoints:
            raise HttpError(404, "unknown-method", f"the model has no method {name[:100]!r}", known=sorted(self._endpoints))
        endpoint = self._endpoints[name]
        call = endpoint.call_with(self._arguments(endpoint, document["inputs"]))
        id_ = document.get("id")
        return Inference(call, id_ if isinstance(id_, str) else None, wanted(document))

    def answer(self, inference: Inference, response: Response) -> Response:
        """Write the model's answer as tensors; an error as the protocol has it, beside our own form."""
        if response.status != 200:
            return self.refusal(response)
        endpoint = inference.call.endpoint
        outputs = _tensors(endpoint.name, type_of_answer(endpoint, response), json.loads(response.body))
        named = {"id": inference.id} if inference.id is not None else {}
        outputs, content = join(outputs, inference.binary)
        head = to_json({"model_name": self._name, "model_version": self._model.digest, **named, "outputs": outputs})
        if content is None:
            return Response(200, head)
        return Response(200, head + content, OCTETS.encode(), {HEADER: str(len(head))})

    def refusal(self, response: Response) -> Response:
        """Write an error as the protocol has it: the message alone."""
        error = json.loads(response.body)["error"]
        return Response(response.status, to_json({"error": error["message"]}), headers=response.headers)

    def _arguments(self, endpoint: Endpoint, inputs: Sequence[Any]) -> dict[str, Any]:
        tensors = {}
        for index, item in enumerate(inputs):
            path = f"inputs[{index}]"
            if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not isinstance(item.get("data"), list):
                raise _wrong(path, "a tensor with name, shape, datatype and data", "something else")
            tensors[item["name"]] = _nested(item, path)
        arguments: dict[str, Any] = {}
        for argument in endpoint.method.args:
            if isinstance(argument.data_type, DataFrameType) and argument.name not in tensors:
                columns = [str(column) for column in argument.data_type.columns if str(column) in tensors]
                if columns:
                    arguments[argument.name] = {column: _flat(tensors.pop(column)) for column in columns}
            elif argument.name in tensors:
                value = tensors.pop(argument.name)
                single = isinstance(argument.data_type, PrimitiveType | NumberType)
                arguments[argument.name] = value[0] if single and isinstance(value, list) and len(value) == 1 else value
        if len(tensors) == 1 and not arguments and endpoint.argument is not None:
            # load tools send one tensor under a name of their own
            arguments[endpoint.argument.name] = tensors.popitem()[1]
        if tensors:
            known = [tensor["name"] for argument in endpoint.method.args for tensor in _describe(argument.name, argument.data_type)]
            raise _wrong("inputs", f"the tensors {', '.join(known)}", next(iter(tensors)))
        return arguments


def _wrong(path: str, expected: str, got: str) -> HttpError:
    details = {"path": path, "expected": expected, "got": got}
    return HttpError(422, "bad-data", f"{path}: expected {expected}, got {got}", details=details)


def _describe(name: str, data_type: DataType) -> list[dict[str, Any]]:
    """Describe the tensors that a value is sent as."""
    if isinstance(data_type, DataFrameType):
        dtypes = zip(data_type.columns, data_type.dtypes, strict=True)
        return [{"name": str(column), "datatype": _datatype(dtype), "shape": [-1]} for column, dtype in dtypes]
    if isinstance(data_type, NdarrayType):
        shape = [-1 if length is None else length for length in data_type.shape]
        return [{"name": name, "datatype": _datatype(data_type.dtype), "shape": shape}]
    if isinstance(data_type, SeriesType):
        return [{"name": name, "datatype": _datatype(data_type.dtype), "shape": [-1]}]
    if isinstance(data_type, NumberType):
        return [{"name": name, "datatype": _datatype(data_type.dtype), "shape": [1]}]
    if isinstance(data_type, ListType) and isinstance(data_type.dtype, PrimitiveType):
        return [{"name": name, "datatype": _PRIMITIVES.get(data_type.dtype.ptype, "BYTES"), "shape": [data_type.size or -1]}]
    datatype = _PRIMITIVES.get(data_type.ptype, "BYTES") if isinstance(data_type, PrimitiveType) else "BYTES"
    return [{"name": name, "datatype": datatype, "shape": [1]}]


def _datatype(dtype: str) -> str:
    kind = kind_of(dtype)
    if kind in ("int", "float"):
        return dtype.upper().replace("FLOAT", "FP")
    return _DATATYPES.get(kind or "", "BYTES")


def _nested(tensor: Mapping[str, Any], path: str) -> Any:
    """Return the data of a tensor as nested lists; it may be sent flat, in row-major order."""
    shape, data = tensor.get("shape"), tensor["data"]
    if not isinstance(shape, list) or not all(type(length) is int and 0 <= length < _LONGEST for length in shape):
        raise _wrong(f"{path}.shape", "a list of lengths", "something else")
    if len(shape) > _DIMENSIONS:
        raise _wrong(f"{path}.shape", f"at most {_DIMENSIONS} lengths", f"{len(shape)}")
    flat = data
    for _ in range(_DIMENSIONS):
        if not flat or not isinstance(flat[0], list) or not all(isinstance(item, list) for item in flat):
            break
        flat = [item for items in flat for item in items]
    count = math.prod(shape)
    if len(flat) != count:
        raise _wrong(f"{path}.data", f"{count} values, as its shape has", f"{len(flat)}")
    if not count and shape[:1] != [0] and math.prod(filter(None, shape)) > _EMPTY_ROWS:
        raise _wrong(f"{path}.shape", f"at most {_EMPTY_ROWS} rows without a value", f"{shape[0]}")
    for length in reversed(shape[1:]):
        flat = [flat[start : start + length] for start in range(0, len(flat), length)] if length else [[] for _ in range(shape[0])]
    return flat


def _flat(value: Any) -> list[Any]:
    """Return a column: tensors of one column may have the shape (rows, 1)."""
    return [item[0] if isinstance(item, list) and len(item) == 1 else item for item in value]


def _tensors(name: str, data_type: DataType, encoded: Any) -> list[dict[str, Any]]:
    """Write an encoded answer as tensors."""
    if isinstance(data_type, DataFrameType):
        return [
            {**described, "shape": [len(encoded)], "data": [row[described["name"]] for row in encoded]}
            for described in _describe(name, data_type)
        ]
    described = _describe(name, data_type)[0]
    if not isinstance(data_type, NdarrayType | SeriesType | ListType):
        plain = isinstance(data_type, PrimitiveType | NumberType)
        return [{**described, "data": [encoded if plain else json.dumps(encoded)]}]
    shape, flat = [], encoded
    while isinstance(flat, list):
        shape.append(len(flat))
        if not flat or not isinstance(flat[0], list):
            break
        flat = flat[0]
    values = encoded
    for _ in shape[1:]:
        values = [item for items in values for item in items]
    if any(isinstance(value, list | dict) for value in values):
        values = [json.dumps(value) for value in values]
    return [{**described, "shape": shape, "data": values}]
