"""The data types that exist, for code that has to know them all: a value's type is found by asking each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlem_model.data.types.base import DataType, name_of
from mlem_model.errors import DataError

_known: list[type[DataType]] = []


def register(classes: Sequence[type[DataType]]) -> None:
    """Add data types; `infer` asks them in this order."""
    _known.extend(classes)


def infer(value: Any, path: str = "data") -> DataType:
    """Describe a value.

    Args:
        value: A Python value; containers are looked into.
        path: Where it is, for messages.

    Raises:
        DataError: No data type describes it.

    Example:
        >>> infer([1, 2.5]).model_dump()
        {'type': 'list', 'dtype': {'type': 'primitive', 'ptype': 'float'}, 'size': None}
    """
    for cls in _known:
        found = cls.of(value, lambda item: infer(item, path))
        if found is not None:
            return found
    raise DataError(
        path,
        "a number, string, boolean, bytes, date, time, None, a list, tuple, set or dict of them, an enum, a dataclass, "
        "a numpy array, or a pandas frame or series",
        name_of(value),
    )
