"""The OpenAPI document of a model: the schemas of its methods by name, with the sample row as example.

Source: OpenAPI Specification 3.1.0, https://spec.openapis.org/oas/v3.1.0; its schemas are JSON Schema 2020-12.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from mlem_server.pages.openapi import failures
from mlem_server.pages.openapi.components import Components, reference
from mlem_server.pages.openapi.names import class_name
from mlem_server.pages.openapi.operations import Formats, Named, operation

HEALTH, INTERFACE = "Health", "Interface"
_SCHEMAS: dict[str, Any] = {
    **failures.SCHEMAS,
    HEALTH: {
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": failures.TEXT,
            "model": {**failures.TEXT, "description": "the model's digest"},
            "reason": {**failures.TEXT, "description": "why it is not ready"},
        },
    },
    INTERFACE: {"type": "object", "description": "methods, argument and return types, sample rows"},
}
_ALIVE = {"status": "alive"}


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
    digest = interface["model"]["digest"]
    ready = {"status": "ready", "model": digest}
    late = {**ready, "status": "loading", "reason": "the model is being loaded"}
    paths: dict[str, Any] = {
        "/interface.json": _read("interface", "what can be called", {"200": (INTERFACE, None)}, secured=secured),
        "/healthz": _read("healthz", "the process is alive", {"200": (HEALTH, _ALIVE)}, secured=False),
        "/readyz": _read("readyz", "the model answers", {"200": (HEALTH, ready), "503": (HEALTH, late)}, secured=False),
    }
    samples = interface.get("samples") or {}
    methods = interface["methods"]
    named = Named.all(list(methods), [part["get"]["operationId"] for part in paths.values()])
    components = Components(_SCHEMAS, [part for one in named for part in (one.request, one.answer)])
    row = f"{class_name(name, otherwise='Model')}Row"
    for one in named:
        paths[f"/{quote(one.name)}"] = {
            "post": operation(
                methods[one.name],
                one,
                row,
                components,
                samples.get(one.name),
                formats[one.name],
                secured=secured,
            )
        }
    document: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {"title": name, "version": digest, "summary": f"A model served by mlem-server {version}"},
        "servers": [{"url": ".", "description": "where this document is from, whatever is in front of it"}],
        "paths": paths,
        "components": {"schemas": components.schemas, "responses": failures.failures(secured=secured)},
    }
    if secured:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return document


def _read(name: str, summary: str, answers: Mapping[str, tuple[str, Any]], *, secured: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": f"get_{name}",
        "summary": summary,
        "responses": {
            status: {
                "description": summary if status == "200" else "it does not; the reason says why",
                "content": {
                    "application/json": {
                        "schema": reference(schema),
                        **({"example": example} if example is not None else {}),
                    }
                },
            }
            for status, (schema, example) in answers.items()
        },
    }
    if secured:
        operation["security"] = [{"token": []}]
        operation["responses"]["401"] = {"$ref": "#/components/responses/Unauthorized"}
    return {"get": operation}
