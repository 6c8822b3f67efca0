"""`UnionType`: a value of one of several types; and `unify`, which finds the type of several values.

A value is written as its own type writes it where JSON tells the types apart: a number from a string, a list from an
object. Where two types look alike in JSON (text and bytes, text and a date), all values but those plain in JSON are
written under the name of their type: ``{"bytes": "YWI="}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from mlem_model.data.types.base import DataType, Json, mismatch, name_of
from mlem_model.data.types.plain.difference import difference
from mlem_model.data.types.plain.optional import OptionalType
from mlem_model.data.types.plain.primitive import PrimitiveType
from mlem_model.data.types.plain.standard import StandardType
from mlem_model.data.types.plain.unspecified import UnspecifiedType
from mlem_model.errors import DataError

if TYPE_CHECKING:
    from mlem_model.data.types.any import (
        AnyDataType,
    )  # at run time mlem_model.data.types.any puts it into these classes, see there

_NATIVE = ("NoneType", "bool", "int", "float", "str")
_KINDS: Mapping[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "number",
    float: "number",
    str: "string",
    list: "array",
    dict: "object",
}


class UnionType(DataType):
    """A value of one of several types.

    Attributes:
        types: The types; no two are equal.
    """

    type: ClassVar[str] = "union"
    types: tuple[AnyDataType, ...]

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """No single value is of this type: see `unify`."""
        return None

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return {"anyOf": [self._schema_of(label, member) for label, member in self._labelled]}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; a value is written by the first type that gives it back unchanged.

        Where none does, it is written by the type of its own class, as it is outside of a union: an integer beyond
        2**53 among floats.
        """
        nearly: list[Json] = []
        for label, member in sorted(self._labelled, key=lambda pair: not _is_own_class(value, pair[1])):
            try:
                payload = member.encode(value, path)
                lost = difference(value, member.decode(payload, path))
            except DataError:
                continue
            written = {label: payload} if label and (label != "float" or isinstance(payload, str)) else payload
            if not lost:
                return written
            if _is_own_class(value, member):
                nearly.append(written)
        if nearly:
            return nearly[0]
        raise mismatch(path, self._words(), value)

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        labelled = self._labelled
        if isinstance(payload, dict) and len(payload) == 1:
            ((key, inner),) = payload.items()
            for label, member in labelled:
                if label and label == key:
                    return member.decode(inner, path)
        plain = [member for label, member in labelled if not label or label == "float"]
        exact = [
            member for member in plain if isinstance(member, PrimitiveType) and member.ptype == type(payload).__name__
        ]
        first: DataError | None = None
        for member in exact or plain:
            try:
                return member.decode(payload, path)
            except DataError as error:
                first = first if first is not None and _depth(first) >= _depth(error) else error
        if first is not None and (len(plain) == 1 or _depth(first) > path.count(".") + path.count("[")):
            raise first
        raise DataError(path, self._words(), name_of(payload))

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return set().union(*(member.requirements() for member in self.types))

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return self.types

    def _words(self) -> str:
        return "one of: " + ", ".join(_label(member) for member in self.types)

    @cached_property
    def _labelled(self) -> list[tuple[str, DataType]]:
        """Return each type with the name that its values are written under; empty where they need no name."""
        seen: list[str] = []
        numbers = [
            member for member in self.types if isinstance(member, PrimitiveType) and member.ptype in ("int", "float")
        ]
        for member in self.types:
            # JSON's numbers with and without a fraction are told apart
            seen += kinds_of(member) - ({"number"} if member in numbers[1:] else set())
        apart = len(seen) == len(set(seen))
        if apart:
            return [("", member) for member in self.types]
        texts = any(isinstance(member, PrimitiveType) and member.ptype == "str" for member in self.types)
        found: list[tuple[str, DataType]] = []
        for member in self.types:
            native = isinstance(member, PrimitiveType) and member.ptype in _NATIVE
            label = "" if native and not (texts and _label(member) == "float") else _label(member)
            taken = [known for known, _ in found]
            number = 2
            while label and label in taken:
                label, number = f"{_label(member)}{number}", number + 1
            found.append((label, member))
        return found

    def _schema_of(self, label: str, member: DataType) -> dict[str, Any]:
        if not label:
            return member.json_schema()
        under = {
            "type": "object",
            "properties": {label: member.json_schema()},
            "required": [label],
            "additionalProperties": False,
        }
        return {"anyOf": [{"type": "number"}, under]} if label == "float" else under


def _is_own_class(value: Any, member: DataType) -> bool:
    """Say whether a type is one of values of this class."""
    try:
        found = type(member).of(value, lambda _item: UnspecifiedType())
    except DataError:
        return False
    return found is not None and (not isinstance(found, PrimitiveType) or found == member)


def _depth(error: DataError) -> int:
    return error.path.count(".") + error.path.count("[")


def _label(member: DataType) -> str:
    """Return the name of a type in a union."""
    return str(getattr(member, "ptype", None) or getattr(member, "kind", None) or member.type)


def kinds_of(member: DataType) -> frozenset[str]:
    """Return what values of a type look like in JSON.

    ``null``, ``boolean``, ``number``, ``string``, ``array``, ``object``.
    """
    return _kinds(member.json_schema())


def _kinds(schema: Mapping[str, Any]) -> frozenset[str]:
    if "anyOf" in schema:
        return frozenset().union(*map(_kinds, schema["anyOf"]))
    if "enum" in schema:
        return frozenset(_KINDS[type(value)] for value in schema["enum"])
    words = schema.get("type")
    if words is None:
        return frozenset(_KINDS.values())
    return frozenset("number" if word == "integer" else word for word in ([words] if isinstance(words, str) else words))


def unify(types: Sequence[DataType], *, exact: bool = False) -> DataType:
    """Find one type for several values.

    An int among floats is a float, None makes the type optional, and values that differ otherwise make a union.

    Args:
        types: The type of each value; at least one.
        exact: Whether an int among floats stays one.
    """
    distinct = _distinct(types)
    if len(distinct) == 1:
        return distinct[0]
    there = [item for item in distinct if item != PrimitiveType(ptype="NoneType")]
    if len(there) < len(distinct):
        inner = unify(there, exact=exact)
        if isinstance(inner, StandardType) and "null" in kinds_of(inner):  # pandas' own missing values are null too
            return UnionType(types=(PrimitiveType(ptype="NoneType"), inner))
        if isinstance(inner, UnionType) and "null" in kinds_of(inner):
            return UnionType(types=(PrimitiveType(ptype="NoneType"), *inner.types))
        return inner if isinstance(inner, OptionalType) else OptionalType(dtype=inner)
    if any(isinstance(item, OptionalType) for item in distinct):
        missing = {item.missing for item in distinct if isinstance(item, OptionalType)}
        inner = unify([item.dtype if isinstance(item, OptionalType) else item for item in distinct], exact=exact)
        return OptionalType(dtype=inner, missing=missing.pop() if len(missing) == 1 else "None")
    known = [item for item in distinct if not isinstance(item, UnspecifiedType)]
    if len(known) < len(distinct):  # an empty list says nothing about its items
        return unify(known, exact=exact) if known else distinct[0]
    if not exact and all(isinstance(item, PrimitiveType) and item.ptype in ("int", "float") for item in distinct):
        return PrimitiveType(ptype="float")
    if len({type(item) for item in distinct}) == 1:
        merged = distinct[0].merge(distinct[1:])
        if merged is not None:
            return merged
    return UnionType(
        types=tuple(
            _distinct([part for item in distinct for part in (item.types if isinstance(item, UnionType) else (item,))])
        )
    )


def _distinct(types: Sequence[DataType]) -> list[DataType]:
    found: list[DataType] = []
    for item in types:
        if item not in found:
            found.append(item)
    return found
