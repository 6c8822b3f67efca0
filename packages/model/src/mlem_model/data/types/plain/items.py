"""The type of the items of an array or a column of objects.

Each is a Python value of its own, and some may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlem_model.data.types.base import DataType
from mlem_model.data.types.plain.optional import OptionalType, missing_of
from mlem_model.data.types.plain.primitive import PrimitiveType
from mlem_model.data.types.plain.union import unify
from mlem_model.data.types.plain.unspecified import UnspecifiedType

_PLAIN: dict[type, str] = {int: "int", str: "str", bool: "bool", bytes: "bytes"}


def type_of_items(values: Sequence[Any], infer: Callable[[Any], DataType]) -> DataType:
    """Find the type of items.

    Args:
        values: The items. Those that are missing are None, NaN, or pandas' own, and come back as they were; where there
            are missing ones of several kinds, each is told apart.
        infer: Describes one item.
    """
    classes = set(map(type, values))
    plain = _PLAIN.get(next(iter(classes - {type(None)}))) if len(classes - {type(None)}) == 1 else None
    if plain:  # asked of all at once, it saves a call for each
        found: DataType = PrimitiveType.model_validate({"ptype": plain})
        return OptionalType(dtype=found) if type(None) in classes else found
    kinds = {kind for value in values if (kind := missing_of(value))}
    there = [value for value in values if not missing_of(value)]
    if len(kinds) == 1:
        (missing,) = kinds
        dtype = unify([infer(value) for value in there], exact=True) if there else UnspecifiedType()
        return OptionalType(dtype=dtype, missing=missing)
    return unify([infer(value) for value in values], exact=True) if values else UnspecifiedType()
