"""What Heroku makes of a request before it judges it: its API takes more than its schema says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Definitions = Mapping[str, Any]


def taken(schema: Mapping[str, Any], body: Any, definitions: Definitions) -> Any:
    """Return a body as Heroku reads it.

    What the schema does not know is left out, numbers may be written as text, null is nothing.

    Source: Heroku's own command, heroku/cli (11.10): ``ps:scale web=2:basic`` sends ``{"type": "web", "quantity": "2",
    "size": "basic"}`` and ``web+1`` sends ``"+1"``, where the schema has a whole number and ``dyno_size``;
    ``container:rm`` and ``container:release`` send ``docker_image``, which is in no schema (read 2026-11).

    Args:
        schema: The operation's schema of the body, or a part of it.
        body: The body, or that part of it.
        definitions: The definitions that the schema refers to.
    """
    schema = _resolved(schema, definitions)
    if isinstance(body, list) and "items" in schema:
        return [taken(schema["items"], item, definitions) for item in body]
    properties = schema.get("properties")
    if isinstance(body, Mapping) and properties is not None:
        required = schema.get("required", ())
        known = {name: value for name, value in body.items() if name in properties}
        found = {name: taken(properties[name], value, definitions) for name, value in known.items()}
        return {name: value for name, value in found.items() if value is not None or name in required}
    if isinstance(body, str) and "identity" in schema:
        return {"name": body}  # what has an identity may be given by it
    types = schema.get("type", ())
    if isinstance(body, str) and "integer" in types and "string" not in types and re.fullmatch(r"[+-]?\d+", body):
        return int(body)
    return body


def _resolved(schema: Mapping[str, Any], definitions: Definitions) -> Mapping[str, Any]:
    while "$ref" in schema:
        found: Any = {"definitions": definitions}
        for word in schema["$ref"].removeprefix("#/").split("/"):
            found = found[word]
        schema = found
    return schema
