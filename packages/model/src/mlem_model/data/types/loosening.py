"""What one sample can't say: a type is loosened where the sample may differ from other inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mlem_model.data.types.arrays.array import NdarrayType
from mlem_model.data.types.base import DataType
from mlem_model.data.types.containers.mappings import DictType, MappingType
from mlem_model.data.types.containers.sequences import ListType, TupleType
from mlem_model.data.types.plain.primitive import PrimitiveType
from mlem_model.data.types.plain.unspecified import UnspecifiedType

_OTHER_KEY = "mlem-other-key"


def loosened(data_type: DataType) -> DataType:
    """Return a type that accepts anything where the sample has None: another input may have any value there."""
    if data_type == PrimitiveType(ptype="NoneType"):
        return UnspecifiedType()
    if isinstance(data_type, DictType):
        return data_type.model_copy(update={"items": {key: loosened(item) for key, item in data_type.items.items()}})
    if isinstance(data_type, ListType):
        return data_type.model_copy(update={"dtype": loosened(data_type.dtype)})
    if isinstance(data_type, TupleType):
        return data_type.model_copy(update={"items": tuple(map(loosened, data_type.items))})
    if isinstance(data_type, MappingType):
        return data_type.model_copy(update={"value": loosened(data_type.value)})
    return data_type


def free_dimensions(
    data_type: DataType, value: Any, returns: DataType, answer: Any, ask: Callable[[Any], Any]
) -> DataType:
    """Let lengths of an array vary that the method does not depend on, such as width and height of an image.

    The columns of a table are its features: where the answer has a row for each row of a flat table, the number of
    columns is kept.

    Args:
        data_type: The argument's type.
        value: The sample.
        returns: The answer's type.
        answer: The method's answer to the sample.
        ask: Calls the method.
    """
    if data_type.wire is not data_type and "shape" in type(data_type).model_fields:
        inner = data_type.to_wire(value)
        found = free_dimensions(data_type.wire, inner, returns, answer, lambda other: ask(data_type.from_wire(other)))
        return data_type.model_copy(update={"shape": getattr(found, "shape", None)})
    if not isinstance(data_type, NdarrayType) or len(data_type.shape) < 2 or 0 in value.shape:
        return data_type
    if len(data_type.shape) == 2 and returns.rows(answer) == len(value):
        return data_type
    shape = list(data_type.shape)
    for axis in range(1, value.ndim):
        if _takes_other_length(value, axis, ask):
            shape[axis] = None
    return data_type.model_copy(update={"shape": tuple(shape)})


def free_keys(data_type: DataType, value: Any, ask: Callable[[Any], Any]) -> DataType:
    """Accept records with keys that the sample does not have, where the method works with such a record.

    It may pick the keys that it knows.

    Args:
        data_type: The argument's type.
        value: The sample.
        ask: Calls the method.
    """
    if not isinstance(data_type, ListType) or not isinstance(data_type.dtype, DictType) or not value:
        return data_type
    try:
        ask([*value[:-1], {**value[-1], _OTHER_KEY: 0}])
    except Exception:  # the user's code may raise anything: the method depends on its keys
        return data_type
    return data_type.model_copy(update={"dtype": data_type.dtype.model_copy(update={"more": True})})


def _takes_other_length(value: Any, axis: int, ask: Callable[[Any], Any]) -> bool:
    import numpy as np

    length = value.shape[axis]
    try:
        ask(np.concatenate([value, np.take(value, [length - 1], axis=axis)], axis=axis))
        if length > 1:
            ask(np.take(value, range(length - 1), axis=axis))
    except Exception:  # the user's code may raise anything: the method depends on the length
        return False
    return True
