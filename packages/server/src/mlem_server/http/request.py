"""`Request`: one HTTP request, complete or refused."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote

from mlem_server.http.errors import HttpError, too_large
from mlem_server.http.response import Response

Reply = Callable[[Response], None]
"""Takes the answer to a request, now or later, on the event loop."""
Handler = Callable[["Request", Reply], None]

ALWAYS_BYTES = 64 * 1024
"""This much of each body always has room; for more, memory has to be free."""
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/=+@-]{1,128}")
_PREFIX = os.urandom(8).hex()
_numbers = itertools.count(int.from_bytes(os.urandom(6)))


class Callee(Protocol):
    """What calls ask: a model."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def digest(self) -> str:
        """What tells it from another one of that name."""

    @property
    def is_ready(self) -> bool:
        """Whether it may be called."""

    def expect_room(self) -> None:
        """Refuse the next call where it may not be called, or would have to wait in vain.

        Raises:
            HttpError: 503.
        """

    def begin(self) -> None:
        """Note a call that is on its way to it."""

    def end(self) -> None:
        """Note that one is over."""

    def answered(self, route: str, status: int, seconds: float, trace_id: str = "") -> None:
        """Note an answer.

        Args:
            route: What gave it.
            status: Its status.
            seconds: What it took.
            trace_id: The trace that it belongs to; empty for none.
        """


def never() -> bool:
    """Say no."""
    return False


@dataclass(slots=True, eq=False)
class Request:
    """A request whose head has arrived.

    Attributes:
        method: The HTTP method, in upper case.
        target: What the caller asked for, as it was sent: path and query.
        headers: Names in lower case; of repeated ones the last.
        keep_alive: Whether the connection may live on after the answer.
        id: The caller's ``X-Request-Id`` when it has a form that is safe in a log, otherwise a new one.
        started: When its head was complete, in seconds of the monotonic clock.
        asked: When the model was asked, on the same clock; 0 before.
        chunks: Whether the caller accepts an answer in chunks, which HTTP/1.0 does not have.
        body: The body, once it is there.
        route: A name for what answers it, for metrics.
        handler: What answers it, once it is admitted.
        media_type: What its body is, once it is admitted as a call.
        coding: How its body is packed, once it is admitted as a call; empty for not at all.
        peer: The address of the other side; empty for a Unix socket.
        callee: Whom it calls; None where it calls nobody.
        token_name: The name of its token; empty where it has no token, or that has no name.
        begun: Whether it counts among the calls on their way.
        caller: Whose call it counts as, for a limit; None where it does not count.
        timeout_s: How many seconds the caller waits for the answer; None where it does not say.
        response: Set as soon as the answer is known.
        sent: Whether it was sent.
        takes_body: Whether anything reads its body; otherwise it is skipped.
        reserved_bytes: What its body counts for among all bodies in memory.
        cancel: Tells whatever works on it that nobody waits any more.
        ends_early: Whether work on it ends when its caller is gone, as for an awaited call or a stream.
    """

    method: str
    target: bytes
    headers: dict[bytes, bytes]
    keep_alive: bool
    started: float
    chunks: bool = True
    body: bytes | bytearray = b""
    route: str = ""
    handler: Handler | None = None
    media_type: str = ""
    coding: str = ""
    peer: str = ""
    caller: bytes | None = None
    timeout_s: float | None = None
    response: Response | None = None
    sent: bool = False
    takes_body: bool = False
    reserved_bytes: int = 0
    cancel: Callable[[], None] | None = None
    ends_early: Callable[[], bool] = never
    asked: float = 0.0
    callee: Callee | None = None
    begun: bool = False
    token_name: str = ""
    _id: str = field(default="", repr=False)

    @property
    def id(self) -> str:
        """The request's id."""
        if not self._id:
            given = self.headers.get(b"x-request-id")
            if given is not None and _REQUEST_ID.fullmatch(given):
                self._id = given.decode("ascii")
            else:
                self._id = f"{_PREFIX}{next(_numbers) & 0xFFFFFFFFFFFFFFFF:016x}"
        return self._id

    @property
    def path(self) -> str:
        """The path, percent-decoded, without the query."""
        target = self.target.decode("latin-1")
        if not target.startswith("/"):  # the absolute form, as proxies send it
            target = "/" + target.partition("://")[2].partition("/")[2]
        return unquote(re.split(r"[?#]", target, maxsplit=1)[0])

    @property
    def has_body(self) -> bool:
        """Whether a body is announced."""
        return b"content-length" in self.headers or b"transfer-encoding" in self.headers

    @property
    def content_length(self) -> int | None:
        """Size of the body in bytes as announced; None for a chunked body, or for no body."""
        value = self.headers.get(b"content-length", b"")
        return int(value) if value.isdigit() and len(value) < 20 else None

    def check_length(self, max_bytes: int) -> int:
        """Refuse a body by what is announced, before reading it.

        Returns:
            What is announced, in bytes; 0 for a body in chunks.

        Raises:
            HttpError: 411 without a body, 413 over the limit.
        """
        if not self.has_body:
            raise HttpError(
                411, "length-required", "the request has no body", hint="send the arguments as a JSON object"
            )
        size_bytes = self.content_length
        if size_bytes is None and b"content-length" not in self.headers:
            return 0
        if size_bytes is None or size_bytes > max_bytes:
            raise too_large(max_bytes)
        return size_bytes
