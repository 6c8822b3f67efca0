"""`SetType`: a set or a frozenset; a list in JSON."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from mlem_model.data.types.base import DataType, Json, child, mismatch
from mlem_model.data.types.plain.union import unify
from mlem_model.data.types.plain.unspecified import UnspecifiedType

if TYPE_CHECKING:
    from mlem_model.data.types.any import (
        AnyDataType,
    )  # at run time mlem_model.data.types.any puts it into these classes, see there


class SetType(DataType):
    """A set whose items are all of one type; it travels in the order of its items' texts.

    Attributes:
        dtype: The type of an item.
        frozen: Whether it is a frozenset.
    """

    type: ClassVar[str] = "set"
    dtype: AnyDataType
    frozen: bool = False

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if not isinstance(value, set | frozenset):
            return None
        kinds = [infer(item) for item in sorted(value, key=repr)]
        return cls(dtype=unify(kinds) if kinds else UnspecifiedType(), frozen=isinstance(value, frozenset))

    def merge(self, others: Sequence[Any]) -> DataType | None:
        """See `DataType.merge`."""
        if any(item.frozen is not self.frozen for item in others):
            return None
        return SetType(dtype=unify([item.dtype for item in (self, *others)]), frozen=self.frozen)

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return (self.dtype,)

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return {"type": "array", "items": self.dtype.json_schema()}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; lists and tuples convert."""
        if not isinstance(value, set | frozenset | list | tuple):
            raise mismatch(path, "a set", value)
        items = sorted(value, key=repr) if isinstance(value, set | frozenset) else value
        return [self.dtype.encode(item, child(path, index)) for index, item in enumerate(items)]

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        if not isinstance(payload, list):
            raise mismatch(path, "a list of the set's items", payload)
        items = [self.dtype.decode(item, child(path, index)) for index, item in enumerate(payload)]
        for index, item in enumerate(items):
            try:
                hash(item)
            except TypeError as error:
                raise mismatch(child(path, index), "an item that can be one of a set", payload[index]) from error
        return (frozenset if self.frozen else set)(items)

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return self.dtype.requirements()
