"""Requests: the head of one, and its body read within the limits."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mlem_server.errors import HttpError

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/=+@-]{1,128}")
_JSON_TYPE = re.compile(r"application/(json|[\w.+-]+\+json)", re.IGNORECASE)


class DisconnectedError(Exception):
    """The caller closed the connection before its request was complete."""


class Request:
    """One HTTP request.

    Args:
        scope: The connection scope. Source: ASGI specification 3.0, HTTP, https://asgi.readthedocs.io/en/latest/specs/www.html.
        receive: Yields the parts of the body.

    Attributes:
        method: The HTTP method, in upper case.
        path: The path, percent-decoded.
        headers: Names in lower case; of repeated ones the last.
        id: The caller's ``X-Request-Id`` when it has a form that is safe in a log, otherwise a new one.
        unread: Whether part of the body may still be on its way.
    """

    __slots__ = ("_receive", "headers", "id", "method", "path", "unread")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        given = self.headers.get(b"x-request-id", b"")
        self.id = given.decode("ascii") if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        self.unread = b"content-length" in self.headers or b"transfer-encoding" in self.headers
        self._receive = receive

    @property
    def content_length(self) -> int | None:
        """Size of the body in bytes as announced; None for a chunked body, or none at all."""
        value = self.headers.get(b"content-length", b"")
        return int(value) if value.isdigit() and len(value) < 20 else None

    def check_json(self) -> None:
        """Refuse a body that is announced as something else than plain UTF-8 JSON; nothing announced passes.

        Raises:
            HttpError: 415.
        """
        media_type, _, parameters = self.headers.get(b"content-type", b"application/json").decode("latin-1").partition(";")
        charset = re.search(r'charset\s*=\s*"?([\w-]+)', parameters, re.IGNORECASE)
        encoding = self.headers.get(b"content-encoding", b"identity").decode("latin-1")
        if not _JSON_TYPE.fullmatch(media_type.strip()):
            wrong = f"content type {media_type.strip()[:80]!r}"
        elif charset and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
            wrong = f"charset {charset[1][:80]!r}"
        elif encoding.strip().lower() not in ("identity", ""):
            wrong = f"content encoding {encoding[:80]!r}"
        else:
            return
        hint = "send JSON, with the header Content-Type: application/json"
        raise HttpError(415, "bad-content-type", f"{wrong} is not accepted", hint=hint)

    def check_length(self, max_bytes: int) -> None:
        """Refuse a body by what is announced, before reading it.

        Raises:
            HttpError: 411 without a body, 413 over the limit.
        """
        if not self.unread:
            raise HttpError(411, "length-required", "the request has no body", hint="send the arguments as a JSON object")
        length = self.headers.get(b"content-length")
        if length is not None and (self.content_length is None or self.content_length > max_bytes):
            raise too_large(max_bytes)

    async def body(self, max_bytes: int, timeout_s: float) -> bytes:
        """Read the body.

        Args:
            max_bytes: The largest body that is accepted; reading stops there.
            timeout_s: Seconds in which it must be complete.

        Raises:
            HttpError: 408 when it comes too slowly, 413 over the limit.
            DisconnectedError: The caller is gone.
        """
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(timeout_s):
                while self.unread:
                    part = await self._part()
                    size += len(part)
                    if size > max_bytes:
                        raise too_large(max_bytes)
                    parts.append(part)
        except TimeoutError as error:
            raise HttpError(408, "body-timeout", f"the body was not complete after {timeout_s:g} s") from error
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def drain(self, max_bytes: int, timeout_s: float) -> None:
        """Read and forget the rest of the body, up to a limit.

        Closing a connection while data arrives resets it, and the caller may lose the answer that says why.

        Args:
            max_bytes: After so many the caller does not listen anyway.
            timeout_s: Seconds after which reading stops.
        """
        if b"expect" in self.headers:
            return  # the caller waits for permission to send, and will not get it
        size = 0
        try:
            async with asyncio.timeout(timeout_s):
                while self.unread and size <= max_bytes:
                    size += len(await self._part())
        except (TimeoutError, DisconnectedError):
            return

    async def _part(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            self.unread = False
            raise DisconnectedError
        self.unread = message.get("more_body", False)
        part: bytes = message.get("body", b"")
        return part


def too_large(max_bytes: int) -> HttpError:
    """Return the refusal of a body over the limit."""
    return HttpError(
        413,
        "body-too-large",
        f"the body is larger than {max_bytes / 2**20:g} MiB",
        hint="send fewer rows at once",
        details={"max_bytes": max_bytes},
    )
