"""Examples of requests and answers: those of the model's sample, or the smallest that fit where it has none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_OF_KIND: dict[str, Any] = {"string": "text", "boolean": True, "integer": 0, "number": 0.5, "null": None}
_OF_FORMAT = {"date": "2024-02-29", "uuid": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"}


def fitted(value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Return a sample's value as its schema has it: what is not a number is null, where the schema has no word for it.

    Args:
        value: What the sample has.
        schema: The schema of its place.
        schemas: The named ones.
    """
    schema = _found(schema, schemas)
    if value == "NaN" and "null" in _kinds(schema) and "string" not in _kinds(schema):
        return None
    if isinstance(value, list):
        prefix = schema.get("prefixItems", ())
        rest = schema.get("items") or {}
        return [fitted(item, prefix[at] if at < len(prefix) else rest, schemas) for at, item in enumerate(value)]
    if isinstance(value, dict):
        more = schema.get("additionalProperties")
        rest = more if isinstance(more, Mapping) else {}
        members = schema.get("properties", {})
        return {key: fitted(item, members.get(key, rest), schemas) for key, item in value.items()}
    return value


def invented(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """Return a small value that fits a schema."""
    schema = _found(schema, schemas)
    for word in ("example", "default"):
        if word in schema:
            return schema[word]
    if "examples" in schema:
        return schema["examples"][0]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return invented(schema["anyOf"][0], schemas)
    kinds = _kinds(schema)
    kind = kinds[0] if kinds else "string"
    if kind == "array":
        if "prefixItems" in schema:
            return [invented(item, schemas) for item in schema["prefixItems"]]
        count = min(max(schema.get("minItems", 1), 1), schema.get("maxItems", math.inf))
        return [invented(schema.get("items") or {}, schemas)] * count
    if kind == "object":
        return {
            key: invented(item, schemas)
            for key, item in schema.get("properties", {}).items()
            if key in schema.get("required", ())
        }
    if kind == "string" and "contentEncoding" in schema:
        return ""
    if kind == "integer":
        return max(schema.get("minimum", 0), 0)
    return _OF_FORMAT.get(schema.get("format", ""), _OF_KIND[kind])


def _found(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    target = schema.get("$ref")
    return schema if target is None else schemas[target.rpartition("/")[2]]


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    if "anyOf" in schema:
        return [kind for member in schema["anyOf"] for kind in _kinds(member)]
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)
