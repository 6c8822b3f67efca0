"""Responses: a status, headers and a body that is ready to be sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlem_server.errors import HttpError

JSON = b"application/json"
HTML = b"text/html; charset=utf-8"

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Response:
    """An answer to one request.

    Attributes:
        status: The HTTP status.
        body: The whole body.
        content_type: Media type of the body.
        headers: Further headers, names in lower case.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Mapping[str, str] = field(default_factory=dict)

    def raw_headers(self, request_id: str) -> list[tuple[bytes, bytes]]:
        """Return the headers as ASGI wants them."""
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", str(len(self.body)).encode()),
            (b"x-request-id", request_id.encode()),
        ]
        headers += [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self.headers.items()]
        return headers


def to_json(value: Any) -> bytes:
    """Write a JSON document in the fewest bytes; ASCII only, so that a lone surrogate in a caller's text can't break it."""
    return _encode(value).encode("ascii")


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a JSON document."""
    return Response(status, to_json(value), headers=headers or {})


def error_response(error: HttpError) -> Response:
    """Answer with an error."""
    return Response(error.status, to_json(error.body()), headers={name.lower(): value for name, value in error.headers.items()})
