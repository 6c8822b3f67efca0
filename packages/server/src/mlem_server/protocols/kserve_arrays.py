"""Binary tensors as arrays and frames of numbers, and back: no number becomes a value of Python on the way.

Only what fits without a look at each value comes this way; everything else becomes lists, and gets its refusal there.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

from mlem_model.data.formats.binary import NPY, read_npy
from mlem_model.data.types.any import DataFrameType, DataType, NdarrayType
from mlem_model.data.types.plain.scalars import kind_of
from mlem_model.data.types.tables.exact import frame_of_block
from mlem_server.decoding.json_decoder import Values
from mlem_server.decoding.limits import Limits
from mlem_server.inference.endpoint import Endpoint
from mlem_server.protocols.kserve_binary import WRITTEN, Binary, is_binary
from mlem_server.protocols.kserve_tensors import describe, in_rows


@dataclass(frozen=True, eq=False)
class Tensor:
    """A binary tensor of numbers.

    Attributes:
        shape: The length of each dimension.
        data: As many values: a flat array, which may look at the body.
    """

    shape: list[int]
    data: Any


def listed(value: Any, limits: Limits) -> Any:
    """Return a tensor as nested lists, which others are already.

    Raises:
        HttpError: 413 there are too many values.
    """
    if not isinstance(value, Tensor):
        return value
    limits.check_values(value.data.size)
    return in_rows(value.data.tolist(), value.shape)


def values_of(endpoint: Endpoint, tensors: Mapping[str, Any]) -> Values | None:
    """Return the values of a method's arguments; None where a tensor has to become lists, or has become some.

    Args:
        endpoint: The method.
        tensors: By name.

    Raises:
        HttpError: 413 there are too many values to convert.
    """
    left = {name: tensor for name, tensor in tensors.items() if isinstance(tensor, Tensor)}
    if len(left) < len(tensors):
        return None
    values: Values = {}
    for argument in endpoint.method.args:
        wire = argument.data_type.wire
        if argument.name in left:
            values[argument.name] = _value(wire, left.pop(argument.name), argument.name, endpoint.limits)
        elif isinstance(wire, DataFrameType) and not left.keys().isdisjoint(wire.names):
            values[argument.name] = _frame(wire, left, argument.name, endpoint.limits)
    alone = endpoint.argument
    if len(left) == 1 and not values and alone is not None:  # a name of the caller's own
        values[alone.name] = _value(alone.data_type.wire, left.popitem()[1], alone.name, endpoint.limits)
    missing = any(argument.required and argument.name not in values for argument in endpoint.method.args)
    if left or missing or any(value is None for value in values.values()):
        return None
    types = {argument.name: argument.data_type for argument in endpoint.method.args}
    return {
        name: value if types[name].wire is types[name] else types[name].from_wire(value)
        for name, value in values.items()
    }


def answers_in(endpoint: Endpoint, binary: Binary) -> bytes:
    """Return the media type that an answer is to be written in, as ``Accept`` has it: npy where all of it is binary."""
    if binary == (False, frozenset()) or NPY not in endpoint.answer_formats:
        return b""
    outputs = describe(endpoint.name, endpoint.method.returns)
    whole = all(is_binary(output, binary) and output["datatype"] in WRITTEN for output in outputs)
    return NPY.encode() if whole else b""


def outputs_of(name: str, data_type: DataType, body: bytes) -> tuple[list[dict[str, Any]], bytes]:
    """Return the outputs of an answer in npy, all of them binary, and their bytes.

    Args:
        name: The method's name.
        data_type: The answer's type.
        body: The answer.
    """
    array, described = read_npy(body), describe(name, data_type)
    if isinstance(data_type.wire, DataFrameType):
        arrays, shape = list(array.T), [len(array)]
    else:
        lengths = list(array.shape)
        # as lists have it: what is empty has no lengths within
        arrays, shape = [array], lengths[: lengths.index(0) + 1] if 0 in lengths else lengths
    contents = [each.astype(each.dtype.newbyteorder("<"), copy=False).tobytes() for each in arrays]
    outputs = [
        {**tensor, "shape": shape, "parameters": {"binary_data_size": len(content)}}
        for tensor, content in zip(described, contents, strict=True)
    ]
    return outputs, b"".join(contents)


def _value(wire: DataType, tensor: Tensor, path: str, limits: Limits) -> Any:
    """Return a tensor as a value of a type; None where it has to become lists."""
    shape, data = tuple(tensor.shape), tensor.data
    if isinstance(wire, NdarrayType):
        fits = wire.fits(shape) and not wire.masked and _converts(data, wire.dtype)
        return _as(data, wire.dtype, limits).reshape(shape) if fits else None
    if not isinstance(wire, DataFrameType) or wire.block_dtype is None or shape[1:] != (len(wire.names),):
        return None
    if not _converts(data, wire.block_dtype):
        return None
    block = _as(data, wire.block_dtype, limits).reshape(shape)
    return wire.accept(frame_of_block(block, wire.block_dtype, wire.labels, path), path)


def _frame(wire: DataFrameType, left: MutableMapping[str, Tensor], path: str, limits: Limits) -> Any:
    """Take a frame's columns out of what is left of the tensors, and return it; None where they have to become lists.

    Columns of one dtype are one array.
    """
    import numpy as np
    import pandas as pd

    if wire.index_cols or not left.keys() >= set(wire.names):
        return None
    columns = [left.pop(name) for name in wire.names]
    rows = columns[0].shape[:1]
    for column, dtype in zip(columns, wire.dtypes, strict=True):
        if column.shape not in (rows, [*rows, 1]) or not rows or not _converts(column.data, dtype):
            return None
    if len(set(wire.dtypes)) > 1:
        arrays = (_as(column.data, dtype, limits) for column, dtype in zip(columns, wire.dtypes, strict=True))
        frame = pd.DataFrame(dict(enumerate(arrays)))
        frame.columns = wire.labels.index.view()
        return wire.accept(frame, path)
    dtype = wire.dtypes[0]
    if any(column.data.dtype.name != dtype for column in columns):
        limits.check_values(len(columns) * rows[0])
    block = np.empty((len(columns), rows[0]), dtype)
    for at, column in enumerate(columns):
        block[at] = column.data
    return wire.accept(frame_of_block(block.T, dtype, wire.labels, path), path)


def _converts(array: Any, dtype: str) -> bool:
    """Whether each of its numbers is one of a dtype, as it is in JSON."""
    import numpy as np

    if array.dtype.name == dtype:
        return True
    if array.dtype.kind == "f":
        return dtype == "float64"
    return array.dtype.kind in "iu" and kind_of(dtype) in ("int", "float") and np.can_cast(array.dtype, np.dtype(dtype))


def _as(array: Any, dtype: str, limits: Limits) -> Any:
    """Return an array of a dtype that models may write into, and that libraries may read by its address."""
    if array.dtype.name != dtype:
        limits.check_values(array.size)
        return array.astype(dtype)
    return array if array.flags.writeable and array.flags.aligned else array.copy()
