"""KServe's binary tensors: numbers as bytes after the JSON of a request or an answer, the default of ``tritonclient``.

Source: "Binary Tensor Data Extension",
https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol/binary-tensor-data-extension (read
2026-11): little-endian, row-major, nothing in between; a string is its length in four bytes, then its UTF-8.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mlem_server.decoding.json_decoder import parse_json
from mlem_server.decoding.limits import NO_LIMITS, Limits
from mlem_server.http.errors import HttpError

EXTENSION = "binary_tensor_data"
OCTETS = "application/octet-stream"
HEADER = "inference-header-content-length"
_CODES = {
    "BOOL": "?", "UINT8": "B", "UINT16": "H", "UINT32": "I", "UINT64": "Q",
    "INT8": "b", "INT16": "h", "INT32": "i", "INT64": "q",
    "FP16": "e", "FP32": "f", "FP64": "d",
}  # fmt: skip
WRITTEN = frozenset(_CODES)
"""The datatypes of numbers, whose bytes are those of arrays."""
_SIZES = {datatype: struct.calcsize(f"<{code}") for datatype, code in _CODES.items()}
_LENGTH = struct.Struct("<I")
Binary = tuple[bool, frozenset[str]]
"""Whether outputs are binary by default, and the names of those that are exceptions."""


def split(body: bytes | bytearray, header: bytes | None, limits: Limits = NO_LIMITS) -> Any:
    """Return the JSON of a request, with the data of its binary tensors in their places: numbers as flat arrays.

    Where nothing has loaded NumPy, no method takes arrays, and they are lists.

    Args:
        body: The whole body.
        header: The value of `HEADER`: how many bytes of the body are JSON; None when all are.
        limits: How many values there may be.

    Raises:
        HttpError: 413 there are too many values.
        HttpError: 400 the header or the sizes do not fit the body; 422 a tensor's bytes are not of its datatype.
    """
    if header is None:
        limits.check_text(body, b",", b"[{")
        return parse_json(body)
    if not header.isdigit() or len(header) > 19 or int(header) > len(body):
        raise HttpError(400, "bad-body", f"the header {HEADER} is not the size of the JSON in the body")
    rest = memoryview(body)[int(header) :]
    limits.check_text(body[: int(header)], b",", b"[{")
    document = parse_json(body[: int(header)])
    for item in _tensors_of(document):
        size = _parameter(item, "binary_data_size")
        if size is None:
            continue
        if type(size) is not int or not 0 <= size <= len(rest):
            raise HttpError(400, "bad-body", f"the body is shorter than the binary_data_size of {_named(item)} says")
        item["data"] = _values(rest[:size], item, limits)
        rest = rest[size:]
    if rest:
        raise HttpError(400, "bad-body", f"the body has {len(rest)} bytes that belong to no tensor")
    return document


def wanted(document: Mapping[str, Any]) -> Binary:
    """Return whether outputs should be binary by default, and the names of those that are exceptions."""
    every = bool(_parameter(document, "binary_data_output"))
    asked = document.get("outputs")
    named = [item for item in asked if _is_named(item)] if isinstance(asked, list) else []
    return every, frozenset(item["name"] for item in named if bool(_parameter(item, "binary_data", every)) != every)


def is_binary(output: Mapping[str, Any], binary: Binary) -> bool:
    """Say whether an output is to be binary, by what `wanted` returned."""
    every, others = binary
    return every is not (output["name"] in others)


def join(outputs: Sequence[Mapping[str, Any]], binary: Binary) -> tuple[list[dict[str, Any]], bytes | None]:
    """Return the outputs of an answer, and the bytes after its JSON; None when no output is binary.

    Args:
        outputs: The tensors, with their data.
        binary: What `wanted` returned.
    """
    parts: list[bytes] = []
    described: list[dict[str, Any]] = []
    for tensor in outputs:
        if is_binary(tensor, binary):
            content = _bytes(tensor["datatype"], tensor["data"])
            parts.append(content)
            shown = {key: value for key, value in tensor.items() if key != "data"}
            described.append({**shown, "parameters": {"binary_data_size": len(content)}})
        else:
            described.append(dict(tensor))
    return described, b"".join(parts) if parts else None


def _tensors_of(document: Any) -> Iterator[dict[str, Any]]:
    inputs = document.get("inputs") if isinstance(document, dict) else None
    yield from (item for item in inputs if isinstance(item, dict)) if isinstance(inputs, list) else ()


def _is_named(item: Any) -> bool:
    return isinstance(item, dict) and isinstance(item.get("name"), str)


def _parameter(item: Mapping[str, Any], name: str, default: Any = None) -> Any:
    parameters = item.get("parameters")
    return parameters.get(name, default) if isinstance(parameters, dict) else default


def _named(item: Mapping[str, Any]) -> str:
    return f"the tensor {str(item.get('name'))[:100]!r}"


def _values(content: memoryview, item: Mapping[str, Any], limits: Limits) -> Any:
    datatype = str(item.get("datatype"))
    numpy = sys.modules.get("numpy")
    if numpy is None or datatype not in _CODES:
        limits.check_values(len(content) // _SIZES.get(datatype, 4))
    try:
        if datatype == "BYTES":
            return list(_strings(content))
        form = f"<{len(content) // _SIZES[datatype]}{_CODES[datatype]}"
        if numpy is None:
            return list(struct.unpack(form, content))
        dtype = numpy.dtype(f"<{_CODES[datatype]}" if datatype != "BOOL" else "?")
        return numpy.frombuffer(content, dtype) if content else numpy.empty(0, dtype)
    except (KeyError, struct.error, ValueError) as error:
        message = f"the bytes of {_named(item)} are not values of the datatype {datatype[:20]!r}"
        raise HttpError(422, "bad-data", message, known=[*_CODES, "BYTES"]) from error


def _strings(content: memoryview) -> Iterator[str]:
    start = 0
    while start < len(content):
        (length,) = _LENGTH.unpack_from(content, start)
        start += _LENGTH.size
        if start + length > len(content):
            raise struct.error("a string is longer than the tensor")
        yield str(content[start : start + length], "utf-8")
        start += length


def _bytes(datatype: str, data: Sequence[Any]) -> bytes:
    if datatype == "BYTES":
        encoded = [str(value).encode() for value in data]
        return b"".join(part for text in encoded for part in (_LENGTH.pack(len(text)), text))
    # an answer has "NaN" and "Infinity" as words, because JSON has no such numbers
    values = [float(value) for value in data] if datatype.startswith("FP") else data
    return struct.pack(f"<{len(data)}{_CODES[datatype]}", *values)
