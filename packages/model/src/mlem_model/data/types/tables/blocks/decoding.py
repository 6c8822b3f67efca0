"""Columns of JSON, decoded together where they have one dtype: what a column costs by itself is paid once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from mlem_model.data.types.base import DataType, Json
from mlem_model.data.types.tables import columns
from mlem_model.data.types.tables.blocks.assembly import Part
from mlem_model.data.types.tables.categories import Categories, of_known
from mlem_model.data.types.tables.dtypes import family_of
from mlem_model.errors import DataError

_ALONE = frozenset({"object", "arrow", None})
"""Families whose columns are decoded one by one: each has items of its own."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Columns of one dtype, and of the same categories.

    Attributes:
        dtype: The dtype.
        categories: The categories.
        places: The places of the columns.
    """

    dtype: str
    categories: Categories | None
    places: list[int]


class Grouped:
    """Columns by their dtypes.

    Args:
        names: The names of the columns on the wire, in their order.
        dtypes: The dtype of each.
        categories: Those of columns of categories, by name.
        items: The types of the values of columns of Python objects, by name.
    """

    def __init__(
        self,
        names: Sequence[str],
        dtypes: Sequence[str],
        categories: Mapping[str, Categories],
        items: Mapping[str, DataType],
    ) -> None:
        self._names = names
        groups: dict[Any, _Group] = {}
        for at, (name, dtype) in enumerate(zip(names, dtypes, strict=True)):
            found = categories.get(name) if dtype == "category" else None
            key = (dtype, None if found is None else repr(found))
            groups.setdefault(key, _Group(dtype, found, [])).places.append(at)
        self._groups = list(groups.values())
        self.decodes = bool(names) and not items and _ALONE.isdisjoint(family_of(dtype) for dtype in set(dtypes))
        """Whether `decode` knows all of the dtypes."""

    def decode(self, parts: Mapping[str, Sequence[Json]], rows: int) -> list[Part] | None:
        """Decode columns.

        Args:
            parts: The values of each column, by name.
            rows: How many each has.

        Returns:
            What a frame is made of; None where a value does not fit, or was never seen: whoever decodes the columns
            one by one says where it is.
        """
        found: list[Part] = []
        for group in self._groups:
            flat = list(chain.from_iterable(parts[self._names[at]] for at in group.places))
            values = _decoded(flat, group)
            if values is None:
                return None
            found += _cut(getattr(values, "array", values), group.places, rows)
        return found


def _decoded(payload: Sequence[Json], group: _Group) -> Any:
    if group.dtype == "category":
        return of_known(payload, group.categories)
    try:
        return columns.decode(payload, group.dtype, None, None, lambda _: "")
    except DataError:
        return None


def _cut(values: Any, places: Sequence[int], rows: int) -> list[Part]:
    """Give each column its part of the values, which lie one column after the other."""
    import numpy as np

    if isinstance(values.dtype, np.dtype):
        return [(np.asarray(values).reshape(len(places), rows), places)]
    return [(values[number * rows : (number + 1) * rows], [at]) for number, at in enumerate(places)]
