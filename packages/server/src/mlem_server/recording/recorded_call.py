"""`RecordedCall`: a call and its answer, and how they are written as one line of JSON."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from mlem_server.http.request import Request
from mlem_server.http.response import Response

LARGEST_BYTES = 256 * 2**10
"""A larger body is left out of its line; its size is there."""
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Content:
    """A body.

    Attributes:
        media_type: What it is.
        size_bytes: Its size.
        body: The body itself; empty where it is too large.
    """

    media_type: str
    size_bytes: int
    body: bytes | bytearray

    @classmethod
    def of(cls, media_type: str, body: bytes | bytearray) -> Content:
        """Return what is kept of a body."""
        return cls(media_type, len(body), body if len(body) <= LARGEST_BYTES else b"")

    def to_json(self) -> dict[str, Any]:
        """Describe it: JSON and text as they are, anything else as Base64."""
        about: dict[str, Any] = {"media_type": self.media_type, "size_bytes": self.size_bytes}
        if len(self.body) != self.size_bytes:
            return about
        essence = self.media_type.partition(";")[0].strip()
        if essence == _JSON:
            try:
                # without the line ends that it may have, and with every digit of its numbers
                return {**about, "json": msgspec.Raw(msgspec.json.format(bytes(self.body), indent=-1))}
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # such as NaN, which is no JSON
        if essence == _JSON or essence.startswith("text/") or essence == "application/jsonlines":
            try:
                return {**about, "text": self.body.decode("utf-8")}
            except UnicodeDecodeError:
                pass
        return {**about, "base64": base64.b64encode(self.body).decode("ascii")}


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call that is kept. Its headers are not, nor who asked, except for the name of the caller's token.

    Attributes:
        at: When it was answered, in seconds since 1970.
        request_id: The request's id.
        model: The model's name.
        digest: The model's digest.
        method: What was called.
        caller: The name of the caller's token; empty where it has none.
        status: The answer's status.
        seconds: What it took.
        request: Its body.
        answer: The answer's.
    """

    at: float
    request_id: str
    model: str
    digest: str
    method: str
    caller: str
    status: int
    seconds: float
    request: Content
    answer: Content

    @classmethod
    def of(cls, request: Request, body: Content, response: Response, seconds: float) -> RecordedCall:
        """Return what is kept of a call.

        Args:
            request: The call.
            body: Its body, which the request may have given up meanwhile.
            response: The answer.
            seconds: What it took.
        """
        callee = request.callee
        return cls(
            time.time(),
            request.id,
            callee.name if callee is not None else "",
            callee.digest if callee is not None else "",
            request.route,
            request.token_name,
            response.status,
            seconds,
            body,
            Content.of(response.content_type.decode("latin-1"), response.body),
        )

    @property
    def size_bytes(self) -> int:
        """What it takes of memory, more or less."""
        return 1000 + len(self.request.body) + len(self.answer.body)

    def to_line(self) -> bytes:
        """Write it as a line."""
        line = {
            "time": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds"),
            "request_id": self.request_id,
            "model": self.model,
            "digest": self.digest,
            "method": self.method,
            "caller": self.caller or None,
            "status": self.status,
            "ms": round(self.seconds * 1e3, 3),
            "request": self.request.to_json(),
            "answer": self.answer.to_json(),
        }
        return msgspec.json.encode(line) + b"\n"
