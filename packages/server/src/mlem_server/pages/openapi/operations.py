"""What the document says about one method of the model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mlem_server.inference.streaming import EVENTS, LINES
from mlem_server.pages.openapi.components import Components
from mlem_server.pages.openapi.examples import fitted, invented
from mlem_server.pages.openapi.failures import failures_of_a_call
from mlem_server.pages.openapi.names import Names, class_name, function_name
from mlem_server.pages.openapi.schemas import Place, described, open_schema

Formats = tuple[Sequence[str], Sequence[str]]
"""Media types besides JSON that a method accepts, and that it can answer in."""

NUMBERS = (
    "A number may also be sent as null, which is not a number, and as one of the texts NaN, Infinity and -Infinity; "
    "in an answer a number that is not finite is one of these texts."
)
_STREAMED = {
    LINES: "an item in each line; an error is the last line",
    EVENTS: "an item in each event; then the event end, or error",
}


@dataclass(frozen=True)
class Named:
    """A method, and what it is called in the document.

    Attributes:
        name: Its own name.
        operation: That of its operation.
        request: That of its body.
        answer: That of its answer.
        prefix: What names of objects inside begin with.
    """

    name: str
    operation: str
    request: str
    answer: str
    prefix: str

    @classmethod
    def all(cls, methods: Sequence[str], taken: Sequence[str]) -> list[Named]:
        """Name methods.

        Args:
            methods: Their own names.
            taken: The names of other operations.
        """
        operations, classes, found = Names(taken), Names(), []
        for name in methods:
            prefix = classes.free(class_name(name, otherwise="Call"))
            operation = operations.free(function_name(name, otherwise="call"), joint="_")
            found.append(cls(name, operation, f"{prefix}Request", f"{prefix}Answer", prefix))
        return found


def body_schema(
    method: Mapping[str, Any], named: Named, row: str, components: Components, args: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the schema of a call's body: an object with a member for each argument.

    Args:
        method: What the interface says about the method.
        named: Its names.
        row: What a row of a table is called.
        components: Where objects get their names.
        args: The arguments of the method's sample.
    """
    properties: dict[str, Any] = {}
    for argument in method["args"]:
        name = argument["name"]
        values = (args[name],) if name in args else ()
        place = Place(
            named.prefix + class_name(name, otherwise="Argument"),
            row,
            values=values,
            missing=frozenset(argument.get("missing", ())),
        )
        schema = described(argument["schema"], place, components)
        properties[name] = schema if argument["required"] else _optional(schema, argument["default"])
    return {
        "type": "object",
        "properties": properties,
        "required": [argument["name"] for argument in method["args"] if argument["required"]],
        "additionalProperties": False,
    }


def operation(
    method: Mapping[str, Any],
    named: Named,
    row: str,
    components: Components,
    sample: Mapping[str, Any] | None,
    formats: Formats,
    *,
    secured: bool,
) -> dict[str, Any]:
    """Return the operation that calls a method, and name its schemas.

    Args:
        method: What the interface says about the method.
        named: Its names.
        row: What a row of a table is called.
        components: Where its schemas go.
        sample: A call that is on record, with its answer.
        formats: The binary formats of the method.
        secured: Whether calls need a bearer token.
    """
    args = sample["args"] if sample else {}
    body = components.put(named.request, body_schema(method, named, row, components, args))
    values = (sample["returns"],) if sample else ()
    returns = method["returns"]
    place = Place(named.answer, values=values, missing=frozenset(returns.get("missing", ())), answer=True)
    answer = components.put(named.answer, open_schema(returns["schema"], place, components))
    schemas = components.schemas
    returned = sample["returns"] if sample else invented(answer, schemas)
    content: dict[str, Any] = {"application/json": {"schema": answer, "example": returned}}
    if method.get("streams"):
        content.update(_streams(returned))
    called: dict[str, Any] = {
        "operationId": named.operation,
        "summary": f"Call {named.name}",
        "description": _description(formats),
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": body,
                    "example": fitted(args, body, schemas) if sample else invented(body, schemas),
                }
            },
        },
        "responses": {
            "200": {"description": "what the method returns", "content": content},
            **failures_of_a_call(secured=secured),
        },
    }
    for key, spoken in zip(("x-request-formats", "x-answer-formats"), formats, strict=True):
        if spoken:
            called[key] = list(spoken)
    if secured:
        called["security"] = [{"token": []}]
    return called


def _optional(schema: dict[str, Any], default: Any) -> dict[str, Any]:
    """Return the schema of an argument that may be left out; only simple defaults are ones that generators write."""
    if "$ref" not in schema and (default is None or isinstance(default, str | int | float)):
        kinds = schema.get("type")
        if kinds is not None and _kind(default) in ([kinds] if isinstance(kinds, str) else kinds):
            return {**schema, "default": default}
    return {"description": f"where it is left out: {json.dumps(default)}", **schema}


def _kind(value: Any) -> str:
    names = {type(None): "null", bool: "boolean", int: "integer", float: "number", str: "string"}
    return names[type(value)]


def _streams(items: Any) -> dict[str, Any]:
    texts = [json.dumps(item) for item in items] if isinstance(items, list) else []
    examples = {
        LINES: "".join(f"{text}\n" for text in texts),
        EVENTS: "".join(f"data: {text}\n\n" for text in texts) + "event: end\ndata: {}\n\n",
    }
    return {
        media_type: {"schema": {"type": "string", "description": description}, "example": examples[media_type]}
        for media_type, description in _STREAMED.items()
    }


def _description(formats: Formats) -> str:
    read, written = (", ".join(spoken) for spoken in formats)
    return " ".join(
        [
            NUMBERS,
            *([f"The only argument may also be the body itself, as {read}."] if read else []),
            *([f"The answer is one of these where the header Accept names it: {written}."] if written else []),
        ]
    )
