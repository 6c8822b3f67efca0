"""The OpenAPI document of a model: the true schemas of its methods, with the sample row as example.

Source: OpenAPI Specification 3.1.0, https://spec.openapis.org/oas/v3.1.0; its schemas are JSON Schema 2020-12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mlem_server.inference.streaming import EVENTS, LINES

Formats = tuple[Sequence[str], Sequence[str]]
"""Media types besides JSON that a method accepts, and that it can answer in."""

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string", "description": "stable across versions"},
                "message": {"type": "string"},
                "path": {"type": "string", "description": "where in the data"},
                "expected": {"type": "string"},
                "got": {"type": "string"},
                "hint": {"type": "string", "description": "what to do"},
                "known": {"type": "array", "items": {"type": "string"}},
                "request_id": {"type": "string", "description": "what to look for in the server's log"},
            },
        }
    },
}

_FAILURES = {
    "400": "the body is not JSON",
    "413": "the body is too large",
    "415": "the content type is not one that the method accepts",
    "422": "the data does not fit the signature, or the model refuses it",
    "500": "the model failed on valid data",
    "503": "not ready, overloaded, or out of time: repeat after Retry-After seconds",
}


def openapi(
    interface: Mapping[str, Any], name: str, version: str, formats: Mapping[str, Formats], *, secured: bool
) -> dict[str, Any]:
    """Describe a model's methods.

    Args:
        interface: What ``GET /interface.json`` answers.
        name: The model's name.
        version: The server's version.
        formats: The binary formats of each method.
        secured: Whether calls need a bearer token.
    """
    failures = {**_FAILURES, **({"401": "the bearer token is missing or wrong"} if secured else {})}
    answers = {status: _failure(description) for status, description in sorted(failures.items())}
    paths: dict[str, Any] = {
        "/interface.json": _read("interface", "methods, argument and return types, sample rows", secured=secured),
        "/healthz": _read("healthz", "the process is alive", secured=False),
        "/readyz": _read("readyz", "the model answers; 503 with the reason when it does not", secured=False),
    }
    samples = interface.get("samples") or {}
    for method_name, method in interface["methods"].items():
        paths[f"/{method_name}"] = {
            "post": _operation(
                method_name, method, samples.get(method_name), answers, formats[method_name], secured=secured
            )
        }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": name,
            "version": interface["model"]["digest"],
            "summary": f"A model served by mlem-server {version}",
        },
        "servers": [{"url": "."}],
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR}},
    }
    if secured:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def body_schema(method: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a call's body: an object with a member for each argument."""
    properties = {}
    for argument in method["args"]:
        schema = dict(argument["schema"])
        if not argument["required"]:
            schema["default"] = argument["default"]
        properties[argument["name"]] = schema
    return {
        "type": "object",
        "properties": properties,
        "required": [argument["name"] for argument in method["args"] if argument["required"]],
        "additionalProperties": False,
    }


def _operation(
    name: str,
    method: Mapping[str, Any],
    sample: Mapping[str, Any] | None,
    failures: Mapping[str, Any],
    formats: Formats,
    *,
    secured: bool,
) -> dict[str, Any]:
    request: dict[str, Any] = {"schema": body_schema(method)}
    answer: dict[str, Any] = {"schema": method["returns"]["schema"]}
    if sample is not None:
        request["example"] = sample["args"]
        answer["example"] = sample["returns"]
    binary: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
    lines: dict[str, Any] = {
        "schema": {"type": "string", "description": "an item in each line; an error is the last line"}
    }
    events: dict[str, Any] = {
        "schema": {"type": "string", "description": "an item in each event; then the event end, or error"}
    }
    streams = {LINES: lines, EVENTS: events} if method.get("streams") else {}
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": f"Call {name}",
        "requestBody": {
            "required": True,
            "content": {"application/json": request, **dict.fromkeys(formats[0], binary)},
        },
        "responses": {
            "200": {
                "description": "what the method returns; in a binary format where Accept names one",
                "content": {"application/json": answer, **dict.fromkeys(formats[1], binary), **streams},
            },
            **failures,
        },
    }
    if secured:
        operation["security"] = [{"token": []}]
    return operation


def _read(name: str, description: str, *, secured: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"get_{name}",
        "responses": {
            "200": {"description": description, "content": {"application/json": {"schema": {"type": "object"}}}}
        },
    }
    if secured:
        operation["security"] = [{"token": []}]
    return {"get": operation}


def _failure(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
