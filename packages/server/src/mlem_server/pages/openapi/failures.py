"""What the document says about errors: one schema for all, and an answer with an example for each status."""

from __future__ import annotations

from typing import Any

from mlem_server.pages.openapi.components import reference

PROBLEM, ERROR = "Problem", "Error"
"""The body of an answer that is an error, and what it says; a class ``Error`` with a member ``error`` would be one that
generators write wrong code for."""
TEXT = {"type": "string"}

SCHEMAS: dict[str, Any] = {
    PROBLEM: {"type": "object", "required": ["error"], "properties": {"error": reference(ERROR)}},
    ERROR: {
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {**TEXT, "description": "stable across versions"},
            "message": TEXT,
            "path": {**TEXT, "description": "where in the data"},
            "expected": TEXT,
            "got": TEXT,
            "hint": {**TEXT, "description": "what to do"},
            "known": {"type": "array", "items": TEXT},
            "request_id": {**TEXT, "description": "what to look for in the server's log"},
        },
    },
}
"""The schemas of an error's body, by name."""

_FAILURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "400": ("BadBody", "the body is not JSON", {"code": "bad-json", "message": "the body is not JSON"}),
    "401": (
        "Unauthorized",
        "the bearer token is missing or wrong",
        {"code": "unauthorized", "message": "a bearer token is needed"},
    ),
    "413": (
        "TooLarge",
        "the body is too large",
        {"code": "body-too-large", "message": "the body is larger than 64 MiB", "hint": "send fewer rows at once"},
    ),
    "415": (
        "BadContentType",
        "the content type is not one that the method accepts",
        {"code": "bad-content-type", "message": "content type 'text/plain' is not accepted"},
    ),
    "422": (
        "BadData",
        "the data does not fit the signature, or the model refuses it",
        {
            "code": "bad-data",
            "message": "X[0]: expected a number, got a string",
            "path": "X[0]",
            "expected": "a number",
            "got": "a string",
        },
    ),
    "429": (
        "TooManyCalls",
        "the caller has as many calls on their way as it may have: repeat after Retry-After seconds",
        {"code": "too-many-calls", "message": "8 calls of this caller are on their way already"},
    ),
    "500": (
        "ModelFailed",
        "the model failed on valid data",
        {"code": "model-failed", "message": "the model failed", "request_id": "5f0c"},
    ),
    "503": (
        "Busy",
        "not ready, overloaded, or out of time: repeat after Retry-After seconds",
        {"code": "overloaded", "message": "too many calls are waiting for the model", "hint": "repeat the call later"},
    ),
    "504": (
        "DeadlinePassed",
        "no answer within the seconds that the caller's header X-Request-Timeout says",
        {"code": "deadline-passed", "message": "no answer within the 2.5 s of X-Request-Timeout"},
    ),
}


def failures(*, secured: bool) -> dict[str, Any]:
    """Return the answers to a call that fails, by name, for ``components/responses``."""
    return {
        name: {
            "description": description,
            "content": {"application/json": {"schema": reference(PROBLEM), "example": {"error": example}}},
        }
        for status, (name, description, example) in _FAILURES.items()
        if secured or status != "401"
    }


def failures_of_a_call(*, secured: bool) -> dict[str, Any]:
    """Return the references to them, by status."""
    return {
        status: {"$ref": f"#/components/responses/{name}"}
        for status, (name, _, _) in _FAILURES.items()
        if secured or status != "401"
    }
