"""Lists and tuples of other types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self

from mlem_model.data.types.base import DataType, Json, child, mismatch, module_of
from mlem_model.data.types.plain.primitive import PrimitiveType
from mlem_model.data.types.plain.union import unify
from mlem_model.data.types.plain.unspecified import UnspecifiedType
from mlem_model.errors import DataError

if TYPE_CHECKING:
    from mlem_model.data.types.any import (
        AnyDataType,
    )  # at run time mlem_model.data.types.any puts it into these classes, see there


def _as_list(value: Any, path: str, expected: str) -> Sequence[Any]:
    if module_of(value) in ("numpy", "pandas") and hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple):
        raise mismatch(path, expected, value)
    return value


_PLAIN: dict[type, str] = {int: "int", str: "str", bool: "bool", float: "float"}


def _type_of(items: Sequence[Any], infer: Callable[[Any], DataType]) -> DataType:
    """Return the type of the items of a list."""
    if not items:
        return UnspecifiedType()
    classes = set(map(type, items))
    if len(classes) == 1 and (
        plain := _PLAIN.get(next(iter(classes)))
    ):  # asked of all at once, it saves a call for each
        return PrimitiveType.model_validate({"ptype": plain})
    return unify([infer(item) for item in items])


class ListType(DataType):
    """A list whose items are all of one type; MLEM 0.4 calls it ``array``.

    Attributes:
        dtype: The type of an item.
        size: How many items, or None for any number.
        as_tuple: Whether the method takes a tuple: ``tuple[int, ...]``.
    """

    type: ClassVar[str] = "list"
    later_fields: ClassVar[frozenset[str]] = frozenset({"as_tuple"})
    dtype: AnyDataType
    size: int | None = None
    as_tuple: bool = False

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`; the number of items is left free, as the rows of an array are."""
        if not isinstance(value, list):
            return None
        return cls(dtype=_type_of(value, infer))

    def merge(self, others: Sequence[Any]) -> DataType | None:
        """See `DataType.merge`."""
        same = {item.size for item in (self, *others)}
        return ListType(
            dtype=unify([item.dtype for item in (self, *others)]), size=self.size if len(same) == 1 else None
        )

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return (self.dtype,)

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        sizes = {} if self.size is None else {"minItems": self.size, "maxItems": self.size}
        return {"type": "array", "items": self.dtype.json_schema(), **sizes}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; tuples, arrays and series convert."""
        items = _as_list(value, path, "a list")
        self._check_size(items, path)
        if self._is_plain(items):
            return list(items)
        return [self.dtype.encode(item, child(path, index)) for index, item in enumerate(items)]

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        if not isinstance(payload, list):
            raise mismatch(path, "a list", payload)
        self._check_size(payload, path)
        if self._is_plain(payload):
            items = list(payload)
        else:
            items = [self.dtype.decode(item, child(path, index)) for index, item in enumerate(payload)]
        return tuple(items) if self.as_tuple else items

    @property
    def in_rows(self) -> bool:
        """See `DataType.in_rows`."""
        return self.size is None and not self.as_tuple

    def rows(self, value: Any) -> int | None:
        """See `DataType.rows`."""
        return len(value) if self.in_rows else None

    def join(self, values: Sequence[Any]) -> Any:
        """See `DataType.join`."""
        return list(chain.from_iterable(values))

    def part(self, value: Any, start: int, stop: int) -> Any:
        """See `DataType.part`."""
        return value[start:stop]

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return self.dtype.requirements()

    def _is_plain(self, items: Sequence[Any]) -> bool:
        """Whether the items look the same in Python and in JSON; asking for all at once saves a call for each."""
        cls = (
            {"int": int, "str": str, "bool": bool}.get(self.dtype.ptype)
            if isinstance(self.dtype, PrimitiveType)
            else None
        )
        return cls is not None and set(map(type, items)) == {cls}

    def _check_size(self, items: Sequence[Any], path: str) -> None:
        if self.size is not None and len(items) != self.size:
            raise DataError(path, f"a list of {self.size} items", f"{len(items)} items")


class TupleType(DataType):
    """A fixed number of items, each of its own type.

    Attributes:
        items: The type of each item.
        as_list: Whether the method takes a list: what MLEM 0.4 calls ``list``.
    """

    type: ClassVar[str] = "tuple"
    items: tuple[AnyDataType, ...]
    as_list: bool = False

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        return cls(items=tuple(infer(item) for item in value)) if type(value) is tuple else None

    def merge(self, others: Sequence[Any]) -> DataType | None:
        """See `DataType.merge`."""
        every = [self, *others]
        if len({(len(item.items), item.as_list) for item in every}) > 1:
            return None
        return TupleType(
            items=tuple(unify(column) for column in zip(*(item.items for item in every), strict=True)),
            as_list=self.as_list,
        )

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return self.items

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        prefix = (
            {"prefixItems": [item.json_schema() for item in self.items]} if self.items else {}
        )  # an empty prefixItems is not allowed
        return {"type": "array", **prefix, "items": False, "minItems": len(self.items)}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; lists and arrays convert."""
        items = self._checked(_as_list(value, path, "a tuple"), path)
        return [
            item_type.encode(item, child(path, index))
            for index, (item_type, item) in enumerate(zip(self.items, items, strict=True))
        ]

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        if not isinstance(payload, list):
            raise mismatch(path, f"a list of {len(self.items)} items", payload)
        items = self._checked(payload, path)
        values = [
            item_type.decode(item, child(path, index))
            for index, (item_type, item) in enumerate(zip(self.items, items, strict=True))
        ]
        return values if self.as_list else tuple(values)

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return set().union(*(item.requirements() for item in self.items))

    def _checked(self, items: Sequence[Any], path: str) -> Sequence[Any]:
        if len(items) != len(self.items):
            raise DataError(path, f"{len(self.items)} items", f"{len(items)} items")
        return items
