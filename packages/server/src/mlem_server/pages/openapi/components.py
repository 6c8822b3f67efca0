"""Schemas of a document that have a name, and are referred to by it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mlem_server.pages.openapi.names import Names


class Components:
    """Named schemas.

    Args:
        fixed: Those that every document has.
        reserved: Names that are for one schema each, whatever else would have them.

    Attributes:
        schemas: The schemas, by name.
    """

    def __init__(self, fixed: Mapping[str, Any], reserved: Iterable[str]) -> None:
        self.schemas: dict[str, Any] = dict(fixed)
        self._names = Names([*fixed, *reserved])
        self._by_content: dict[str, str] = {}

    def put(self, name: str, schema: Mapping[str, Any]) -> dict[str, str]:
        """Give a schema one of the reserved names; return the reference to it."""
        self.schemas[name] = dict(schema)
        return reference(name)

    def share(self, wanted: Sequence[str], schema: Mapping[str, Any]) -> dict[str, str]:
        """Return the reference to a schema, which gets a name unless an equal one has one.

        Args:
            wanted: The names that it may have, the best first.
            schema: The schema.
        """
        content = json.dumps(schema)  # in its order: a table's columns are in another one in another table
        name = self._by_content.get(content)
        if name is None:
            # a class that has a member of its own name is one that generators write wrong code for
            members = frozenset(schema.get("properties", ()))
            name = self._by_content[content] = self._names.free(*wanted, others=members)
            self.schemas[name] = dict(schema)
        return reference(name)


def reference(name: str) -> dict[str, str]:
    """Return what stands for a named schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def within(schema: Any, schemas: Mapping[str, Any]) -> dict[str, Any]:
    """Return the named schemas that a schema refers to, and those that these refer to, by name."""
    found: dict[str, Any] = {}
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += reversed(part)
        elif isinstance(part, dict):
            name = str(part.get("$ref", "")).rpartition("/")[2]
            if name in schemas and name not in found:
                found[name] = schemas[name]
                waiting.append(schemas[name])
            waiting += reversed(list(part.values()))
    return found
