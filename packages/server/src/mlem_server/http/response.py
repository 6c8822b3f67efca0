"""Responses: a status, headers and a body that is ready to be sent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import Any, Protocol

import msgspec

from mlem_server.http.errors import HttpError

JSON = b"application/json"
HTML = b"text/html; charset=utf-8"

_encode = msgspec.json.Encoder().encode
_encode_slowly = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_STATUS_LINES = {status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus}
_ALWAYS = b"server: mlem-server\r\nx-content-type-options: nosniff\r\n"
_CONTENT_TYPE = b"content-type: %s\r\n%sx-request-id: %s\r\n"
_CHUNKED = b"transfer-encoding: chunked\r\n"


class Kind(Enum):
    """What a piece of a stream is."""

    ITEM = auto()
    END = auto()
    BROKEN = auto()
    """The stream ends early: the connection is closed without an end mark."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a stream.

    Attributes:
        kind: What it is.
        data: What is written; empty for an end that needs no text.
    """

    kind: Kind
    data: bytes = b""


class Stream(Protocol):
    """What follows the beginning of an answer, piece by piece."""

    def pull(self, take: Callable[[Piece], None]) -> None:
        """Ask for the next piece; ``take`` is called with it on the event loop."""

    def broken(self, response: Response) -> Piece:
        """Return the last piece of a stream that ends with an error."""


@dataclass(frozen=True, slots=True)
class Response:
    """An answer to one request.

    Attributes:
        status: The HTTP status.
        body: The whole body.
        content_type: Media type of the body.
        headers: Further headers, names in lower case.
        stream: What follows the body, piece by piece; None where it is the whole.
    """

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    stream: Stream | None = None

    def head(self, request_id: str, date: bytes, *, close: bool, chunked: bool = False) -> bytes:
        """Write status line and headers, with the empty line that ends them.

        Args:
            request_id: The id under which the log has the request.
            date: The header ``date``, whole.
            close: Whether the connection ends with this answer.
            chunked: Whether a stream is written in chunks; else it ends with the connection.
        """
        length = b"content-length: %d\r\n" % len(self.body) if self.stream is None else _CHUNKED if chunked else b""
        parts = [
            _STATUS_LINES[self.status],
            _ALWAYS,
            date,
            _CONTENT_TYPE % (self.content_type, length, request_id.encode()),
        ]
        if self.headers:
            parts += [f"{name}: {value}\r\n".encode("latin-1") for name, value in self.headers.items()]
        parts.append(b"connection: close\r\n\r\n" if close else b"\r\n")
        return b"".join(parts)


def to_json(value: Any) -> bytes:
    """Write a JSON document in the fewest bytes."""
    try:
        return _encode(value)
    except (TypeError, ValueError, OverflowError, UnicodeError):
        # integers beyond 64 bits, lone surrogates in a caller's text: what the standard library writes, in ASCII
        return _encode_slowly(value).encode("ascii")


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a JSON document."""
    return Response(status, to_json(value), headers=headers or {})


def error_response(error: HttpError) -> Response:
    """Answer with an error."""
    return Response(
        error.status, to_json(error.body()), headers={name.lower(): value for name, value in error.headers.items()}
    )
