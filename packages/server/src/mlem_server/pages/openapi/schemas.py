"""JSON Schemas as generators of clients understand them, made of the exact ones of ``/interface.json``.

What the exact schema of a type admits beside the values that people have is left out: a number may also come as one of
three words or as null, and a client whose every number is one of five things is of no use. The document says so in
words.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mlem_model.data.types.plain.numbers import FLOAT_SCHEMA, NON_FINITE
from mlem_model.data.types.plain.scalars import NOT_A_TIME
from mlem_server.pages.openapi.components import Components
from mlem_server.pages.openapi.names import class_name

NULL = {"type": "null"}
_KINDS: dict[type, str] = {str: "string", bool: "boolean", int: "integer", float: "number"}
_VAGUE = ({"enum": [None, NOT_A_TIME]}, {"enum": [NOT_A_TIME, None]})
_MOST_EXACT = 2**53
"""Limits from here on are left out: they are those of all integers, and JavaScript has others than the document."""
_FORMATS = ("date", "uuid")
"""The formats whose values are what the format says; a time of a model often has no zone, as ``date-time`` asks."""


@dataclass(frozen=True)
class Place:
    """Where a schema is.

    Attributes:
        name: The name that an object there gets, and what the names of objects inside begin with.
        row: The name that an object gets that is a row of a table there.
        otherwise: The name of an object there where another kind of object has the first.
        values: The values that the samples have there.
        missing: The names of the members of a row that had missing numbers when the model was saved; an empty name is
            for the numbers of an array.
        answer: Whether it is in an answer.
    """

    name: str
    row: str = ""
    otherwise: str = ""
    values: tuple[Any, ...] = ()
    missing: frozenset[str] = frozenset()
    answer: bool = False

    def items(self, *, rows: bool) -> Place:
        """Return the place of the items of a list here, which may be the rows of a table."""
        values = tuple(item for value in self.values if isinstance(value, list) for item in value)
        row = f"{self.name}Row"
        if not rows:
            return replace(self, name=f"{self.name}Item", row="", otherwise="", values=values)
        return replace(self, name=self.row or row, row="", otherwise=row, values=values)

    def item(self, index: int) -> Place:
        """Return the place of one item of a tuple here."""
        values = tuple(value[index] for value in self.values if isinstance(value, list) and index < len(value))
        return replace(self, name=f"{self.name}Item{index + 1}", row="", otherwise="", values=values)

    def member(self, key: str) -> Place:
        """Return the place of a member of an object here."""
        values = tuple(value[key] for value in self.values if isinstance(value, dict) and key in value)
        name = self.name + class_name(key, otherwise="Member")
        missing = frozenset({""} if key in self.missing else ())
        return replace(self, name=name, row="", otherwise="", values=values, missing=missing)

    def others(self) -> Place:
        """Return the place of all members of an object here whose keys are not known."""
        values = tuple(item for value in self.values if isinstance(value, dict) for item in value.values())
        return replace(self, name=f"{self.name}Value", row="", otherwise="", values=values)


def described(schema: Mapping[str, Any], place: Place, components: Components) -> dict[str, Any]:
    """Return the schema of a place, where every object has a name.

    Args:
        schema: The exact schema.
        place: Where it is.
        components: Where objects get their names.
    """
    written = open_schema(schema, place, components)
    named = "properties" in written or "enum" in written
    return components.share(_names(schema, place), written) if named else written


def open_schema(schema: Mapping[str, Any], place: Place, components: Components) -> dict[str, Any]:
    """Return the same, but an object itself in place of its name."""
    if schema == FLOAT_SCHEMA or schema.get("type") == "number":
        return _number(place)
    if "anyOf" in schema:
        return _one_of(schema, place, components)
    if "enum" in schema:
        choices = _choices(schema["enum"])
        return choices[0] if len(choices) == 1 else _joined(_named(choices, schema, place, components))
    kind = schema.get("type")
    if kind == "array":
        return _array(schema, place, components)
    if kind == "object":
        return _object(schema, place, components)
    return {
        name: value
        for name, value in schema.items()
        if not (name == "title" or (name == "format" and value not in _FORMATS) or _is_huge(name, value))
    }


def _names(schema: Mapping[str, Any], place: Place) -> tuple[str, str]:
    title = schema.get("title")
    if title:
        return class_name(title, otherwise="Object"), place.name
    return place.name, place.otherwise or place.name


def _is_huge(name: str, value: Any) -> bool:
    return name in ("minimum", "maximum") and abs(value) >= _MOST_EXACT


def _number(place: Place) -> dict[str, Any]:
    words = {value for value in place.values if value is None or (isinstance(value, str) and value in NON_FINITE)}
    kinds = ["number"]
    if place.answer:
        kinds += ["string"] * bool(words - {None} or "" in place.missing) + ["null"] * (None in words)
    else:
        kinds += ["string"] * bool(words - {None, "NaN"})
        kinds += ["null"] * bool(words & {None, "NaN"} or "" in place.missing)
    return {"type": kinds if len(kinds) > 1 else "number"}


def _one_of(schema: Mapping[str, Any], place: Place, components: Components) -> dict[str, Any]:
    members: list[Mapping[str, Any]] = []
    for member in _flat(schema):
        if member in _VAGUE:
            members.append(NULL)
        elif "enum" in member:
            members += _named(_choices(member["enum"]), member, place, components)
        else:
            found = described(member, place, components)
            members += found["anyOf"] if set(found) == {"anyOf"} else [found]
    return _joined(members)


def _flat(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for member in schema["anyOf"]:
        if "anyOf" in member and member != FLOAT_SCHEMA:
            yield from _flat(member)
        else:
            yield member


def _choices(values: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a schema for each kind among the values; generators have enumerations of texts and of integers."""
    found: dict[str, dict[str, Any]] = {}
    for value in values:
        kind = "null" if value is None else _KINDS[type(value)]
        schema = found.setdefault(kind, {"type": kind})
        if kind in ("string", "integer"):
            schema.setdefault("enum", []).append(value)
    return list(found.values())


def _named(
    choices: Sequence[Mapping[str, Any]], schema: Mapping[str, Any], place: Place, components: Components
) -> list[Mapping[str, Any]]:
    return [components.share(_names(schema, place), choice) if "enum" in choice else choice for choice in choices]


def _joined(members: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the schema of what fits one of several; kinds without conditions are one list of their names."""
    plain: list[str] = []
    rest: list[Mapping[str, Any]] = []
    for member in members:
        if set(member) == {"type"}:
            names = [member["type"]] if isinstance(member["type"], str) else member["type"]
            plain += [name for name in names if name not in plain]
        elif member not in rest:
            rest.append(member)
    if {} in rest:
        return {}
    if not rest:
        return {"type": plain if len(plain) > 1 else plain[0]}
    every = [*rest, *({"type": name} for name in plain)]
    return dict(every[0]) if len(every) == 1 else {"anyOf": every}


def _array(schema: Mapping[str, Any], place: Place, components: Components) -> dict[str, Any]:
    written = {name: schema[name] for name in ("minItems", "maxItems") if name in schema}
    prefix: list[Mapping[str, Any]] | None = schema.get("prefixItems")
    if prefix is not None:  # generators take "no more items" from the greatest number of them
        parts = [described(item, place.item(index), components) for index, item in enumerate(prefix)]
        return {"type": "array", "prefixItems": parts, "minItems": len(parts), "maxItems": len(parts)}
    if schema.get("items") is False:
        return {"type": "array", "items": {}, "maxItems": 0}
    inner: Mapping[str, Any] = schema.get("items") or {}
    rows = inner.get("type") == "object"
    return {"type": "array", "items": described(inner, place.items(rows=rows), components), **written}


def _object(schema: Mapping[str, Any], place: Place, components: Components) -> dict[str, Any]:
    if not schema.get("properties"):
        more = schema.get("additionalProperties", True)
        rest = described(more, place.others(), components) if isinstance(more, Mapping) else more
        names = {"propertyNames": schema["propertyNames"]} if "propertyNames" in schema else {}
        return {"type": "object", **names, "additionalProperties": rest}
    properties = {key: described(item, place.member(key), components) for key, item in schema["properties"].items()}
    written: dict[str, Any] = {"type": "object", "properties": properties}
    if schema.get("required"):
        written["required"] = list(schema["required"])
    if "additionalProperties" in schema:
        more = schema["additionalProperties"]
        written["additionalProperties"] = (
            described(more, place.others(), components) if isinstance(more, Mapping) else more
        )
    return written
