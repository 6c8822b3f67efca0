"""Values as the tensors of KServe's protocol, and back: a frame is a tensor for each column."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from mlem_model.data.types.any import (
    DataFrameType,
    DataType,
    ListType,
    NdarrayType,
    NumberType,
    PrimitiveType,
    SeriesType,
)
from mlem_model.data.types.plain.scalars import kind_of
from mlem_server.http.errors import HttpError

_DATATYPES = {"bool": "BOOL", "str": "BYTES", "object": "BYTES", "datetime": "BYTES", "float": "FP64", "int": "INT64"}
_DIMENSIONS = 32
"""As many as an array of NumPy had up to version 2."""
_LONGEST = 2**63
_EMPTY_ROWS = 100_000
_PRIMITIVES = {"int": "INT64", "float": "FP64", "bool": "BOOL"}


def wrong(path: str, expected: str, got: str) -> HttpError:
    """Return the refusal of a tensor, or of what should be one."""
    details = {"path": path, "expected": expected, "got": got}
    return HttpError(422, "bad-data", f"{path}: expected {expected}, got {got}", details=details)


def describe(name: str, data_type: DataType) -> list[dict[str, Any]]:
    """Describe the tensors that a value is sent as."""
    data_type = data_type.wire
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
        return [
            {"name": name, "datatype": _PRIMITIVES.get(data_type.dtype.ptype, "BYTES"), "shape": [data_type.size or -1]}
        ]
    datatype = _PRIMITIVES.get(data_type.ptype, "BYTES") if isinstance(data_type, PrimitiveType) else "BYTES"
    return [{"name": name, "datatype": datatype, "shape": [1]}]


def _datatype(dtype: str) -> str:
    kind = kind_of(dtype)
    if kind in ("int", "float"):
        return dtype.upper().replace("FLOAT", "FP")
    return _DATATYPES.get(kind or "", "BYTES")


def check_shape(tensor: Mapping[str, Any], path: str) -> None:
    """Refuse a tensor whose shape is none.

    Raises:
        HttpError: 422.
    """
    shape = tensor.get("shape")
    if not isinstance(shape, list) or not all(type(length) is int and 0 <= length < _LONGEST for length in shape):
        raise wrong(f"{path}.shape", "a list of lengths", "something else")
    if len(shape) > _DIMENSIONS:
        raise wrong(f"{path}.shape", f"at most {_DIMENSIONS} lengths", f"{len(shape)}")


def check_size(shape: Sequence[int], size: int, path: str) -> None:
    """Refuse a tensor that has not as many values as its shape.

    Raises:
        HttpError: 422.
    """
    count = math.prod(shape)
    if size != count:
        raise wrong(f"{path}.data", f"{count} values, as its shape has", f"{size}")
    if not count and shape[:1] != [0] and math.prod(filter(None, shape)) > _EMPTY_ROWS:
        raise wrong(f"{path}.shape", f"at most {_EMPTY_ROWS} rows without a value", f"{shape[0]}")


def nested(tensor: Mapping[str, Any], path: str) -> Any:
    """Return the data of a tensor as nested lists; it may be sent flat, in row-major order."""
    check_shape(tensor, path)
    shape, flat = tensor["shape"], tensor["data"]
    for _ in range(_DIMENSIONS):
        if not flat or not isinstance(flat[0], list) or not all(isinstance(item, list) for item in flat):
            break
        flat = [item for items in flat for item in items]
    check_size(shape, len(flat), path)
    return in_rows(flat, shape)


def in_rows(flat: list[Any], shape: Sequence[int]) -> Any:
    """Return as many values as a shape has as nested lists."""
    for length in reversed(shape[1:]):
        flat = (
            [flat[start : start + length] for start in range(0, len(flat), length)]
            if length
            else [[] for _ in range(shape[0])]
        )
    return flat


def column_of(value: Any) -> list[Any]:
    """Return a column: tensors of one column may have the shape (rows, 1)."""
    return [item[0] if isinstance(item, list) and len(item) == 1 else item for item in value]


def tensors_of(name: str, data_type: DataType, encoded: Any) -> list[dict[str, Any]]:
    """Write an encoded answer as tensors."""
    data_type = data_type.wire
    if isinstance(data_type, DataFrameType):
        return [
            {**described, "shape": [len(encoded)], "data": [row[described["name"]] for row in encoded]}
            for described in describe(name, data_type)
        ]
    described = describe(name, data_type)[0]
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
