"""Dicts of other types: with known keys, or with keys that are data."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from mlem_model.data.types.base import DataType, Json, child, mismatch, module_of
from mlem_model.data.types.notes import note
from mlem_model.data.types.plain.primitive import PrimitiveType
from mlem_model.data.types.plain.union import unify
from mlem_model.data.types.plain.unspecified import UnspecifiedType
from mlem_model.errors import DataError
from mlem_model.objects.validation import did_you_mean

if TYPE_CHECKING:
    from mlem_model.data.types.any import (
        AnyDataType,
    )  # at run time mlem_model.data.types.any puts it into these classes, see there


MOST_KEYS = 200
"""A dict with more keys is taken for a table: its keys are data, not names that every other dict has too."""


class DictType(DataType):
    """A dict with known keys, each with a type of its own.

    Attributes:
        items: The type of the value of each key.
        optional: Keys that need not be there.
        more: Whether other keys are accepted: each is noted, and its value is left as JSON has it.
    """

    type: ClassVar[str] = "dict"
    later_fields: ClassVar[frozenset[str]] = frozenset({"optional", "more"})
    items: dict[str, AnyDataType]
    optional: tuple[str, ...] = ()
    more: bool = False

    @classmethod
    def _from_04(cls, data: dict[str, Any]) -> dict[str, Any]:
        return {"items" if key == "item_types" else key: value for key, value in data.items()}

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`; a dict that is empty, has very many keys, or keys other than strings, is a ``d_dict``."""
        if (
            not isinstance(value, dict)
            or not 0 < len(value) <= MOST_KEYS
            or not all(isinstance(key, str) for key in value)
        ):
            return None
        return cls(items={str(key): infer(item) for key, item in value.items()})

    def merge(self, others: Sequence[Any]) -> DataType | None:
        """See `DataType.merge`; a key that is not in all of them is optional."""
        every = [self, *others]
        names = list(dict.fromkeys(key for item in every for key in item.items))
        optional = [key for key in names if any(key not in item.items or key in item.optional for item in every)]
        return DictType(
            items={key: unify([item.items[key] for item in every if key in item.items]) for key in names},
            optional=tuple(optional),
            more=any(item.more for item in every),
        )

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return tuple(self.items.values())

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        properties = {key: item.json_schema() for key, item in self.items.items()}
        required = [key for key in self.items if key not in self.optional]
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": self.more}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`."""
        self._check_keys(value, path)
        return {
            str(key): self._type_of(key).encode(item, child(path, key)) for key, item in value.items()
        }  # in its own order

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        self._check_keys(payload, path)
        return {key: self._type_of(key).decode(item, child(path, key)) for key, item in payload.items()}

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return set().union(*(item.requirements() for item in self.items.values()))

    def _type_of(self, key: str) -> DataType:
        return self.items.get(key) or UnspecifiedType()

    def _check_keys(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise mismatch(path, f"an object with the keys {', '.join(self.items)}", value)
        if value.keys() == self.items.keys():
            return
        required = [key for key in self.items if key not in self.optional]
        unknown = value.keys() - self.items.keys()
        if not value.keys() >= set(required) and (self.more or not unknown):
            raise wrong_key(path, required, [key for key in value if key in required], "key")
        if unknown:
            refusal = wrong_key(path, list(self.items), list(value), "key")
            if not self.more:
                raise refusal
            note(
                f"the key {json.dumps(min(map(str, unknown)), ensure_ascii=False)[:80]} "
                "is not one of those that the model was saved with",
                refusal,
            )


def wrong_key(path: str, expected: Sequence[Any], got: Sequence[Any], noun: str) -> DataError:
    """Return the error for the first name that is unknown or missing.

    Args:
        path: Where the names are.
        expected: The names that must be there.
        got: The names that are there; they differ from the expected ones.
        noun: What a name is: ``key``, ``column``.
    """
    names, known = ", ".join(map(str, expected)), [str(name) for name in expected]
    unknown = next((name for name in got if name not in set(expected)), None)
    missing = [name for name in known if name not in {str(name) for name in got}]
    if unknown is None:
        return DataError(child(path, missing[0]), f"a value: the {noun}s are {names}", "nothing")
    hint = did_you_mean(str(unknown), missing or known)
    return DataError(child(path, str(unknown)), f"one of the {noun}s {names}", f"an unknown {noun}", hint=hint)


class MappingType(DataType):
    """A dict with any keys of one type and values of one type.

    Attributes:
        key: The type of a key; in JSON it is a string.
        value: The type of a value.
        pairs: Whether it travels as a list of pairs, because keys of this type have no text of their own: tuples,
            dates.
    """

    type: ClassVar[str] = "d_dict"
    later_fields: ClassVar[frozenset[str]] = frozenset({"pairs"})
    key: AnyDataType = PrimitiveType(ptype="str")
    value: AnyDataType
    pairs: bool = False

    @classmethod
    def _from_04(cls, data: dict[str, Any]) -> dict[str, Any]:
        names = {"key_type": "key", "value_type": "value"}
        return {names.get(key, key): value for key, value in data.items()}

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if not isinstance(value, dict):
            return None
        if not value:
            return cls(value=UnspecifiedType())
        key = unify([infer(_plain_key(item)) for item in value])
        texts = isinstance(key, PrimitiveType) and key.ptype in ("str", "int")
        return cls(key=key, value=unify([infer(item) for item in value.values()]), pairs=not texts)

    def merge(self, others: Sequence[Any]) -> DataType | None:
        """See `DataType.merge`."""
        every = [self, *others]
        key = unify([item.key for item in every])
        texts = isinstance(key, PrimitiveType) and key.ptype in ("str", "int")
        return MappingType(key=key, value=unify([item.value for item in every]), pairs=not texts)

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return (self.key, self.value)

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        if self.pairs:
            pair = {
                "type": "array",
                "prefixItems": [self.key.json_schema(), self.value.json_schema()],
                "items": False,
                "minItems": 2,
            }
            return {"type": "array", "items": pair}
        integers = isinstance(self.key, PrimitiveType) and self.key.ptype == "int"
        names = {"propertyNames": {"pattern": "^-?[0-9]+$"}} if integers else {}
        return {"type": "object", **names, "additionalProperties": self.value.json_schema()}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`."""
        if not isinstance(value, dict):
            raise mismatch(path, "a dict", value)
        if self.pairs:
            return [
                [self.key.encode(_plain_key(key), path), self.value.encode(item, child(path, index))]
                for index, (key, item) in enumerate(value.items())
            ]
        return {
            str(self.key.encode(_plain_key(key), path)): self.value.encode(item, child(path, str(key)))
            for key, item in value.items()
        }

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        if self.pairs:
            return self._decode_pairs(payload, path)
        if not isinstance(payload, dict):
            raise mismatch(path, "an object", payload)
        return {self._decode_key(key, path): self.value.decode(item, child(path, key)) for key, item in payload.items()}

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return self.key.requirements() | self.value.requirements()

    def _decode_pairs(self, payload: Json, path: str) -> Any:
        if not isinstance(payload, list):
            raise mismatch(path, "a list of pairs, [key, value]", payload)
        found: dict[Any, Any] = {}
        for index, pair in enumerate(payload):
            where = child(path, index)
            if not isinstance(pair, list) or len(pair) != 2:
                raise mismatch(where, "a pair, [key, value]", pair)
            key = self.key.decode(pair[0], child(where, 0))
            try:
                found[key] = self.value.decode(pair[1], child(where, 1))
            except TypeError as error:  # a list, a dict
                raise mismatch(child(where, 0), "a key that can be one of a dict", pair[0]) from error
        return found

    def _decode_key(self, key: str, path: str) -> Any:
        if not isinstance(self.key, PrimitiveType) or self.key.ptype != "int":
            return key
        try:
            return int(key)
        except ValueError as error:
            raise DataError(path, "keys that are integers", f'the key "{key}"') from error


def _plain_key(key: Any) -> Any:
    """Return a key of numpy as Python has it: the two are one in a dict."""
    return (
        key.item()
        if module_of(key) == "numpy" and getattr(key, "shape", None) == () and key.dtype.kind in "iufbU"
        else key
    )
