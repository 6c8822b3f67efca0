"""`RequestReader`: reads the requests of one connection with httptools (Node's llhttp), and bounds their memory.

Source of the rules: RFC 9112, https://www.rfc-editor.org/rfc/rfc9112 (HTTP/1.1), and RFC 9110, section 10.1.1 (Expect).
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections import deque
from enum import Enum, auto
from time import monotonic
from typing import Any, cast

import httptools

from mlem_server.http.application import Application
from mlem_server.http.bodies.memory import BodyMemory
from mlem_server.http.bodies.receiver import BodyReceiver
from mlem_server.http.errors import HttpError, overloaded, too_large
from mlem_server.http.head import bad_version, check_head, joined
from mlem_server.http.repeated_head import RepeatedHead
from mlem_server.http.request import ALWAYS_BYTES, Request
from mlem_server.http.response import Response
from mlem_server.settings import Settings

MAX_PIPELINED = 8
_CHUNK_BYTES = 24
"""The most that a chunk needs around its data: its size, two line ends, a little more."""
_SMALL_BYTES = 4096
"""Smaller parts are joined with their neighbours."""
_VERSION_FAULTS = ("Invalid HTTP version", "Pause on PRI/Upgrade")
"""What llhttp says about an unknown version, and about HTTP/2."""
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_AFTER_LAST = "Data after `Connection: close`"


class Phase(Enum):
    """Where the parser is."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    ENDED = auto()
    """The last answer was given; what still arrives is dropped, so that the caller can read the answer."""


class RequestReader(asyncio.Protocol):
    """What a caller sends on one connection.

    Args:
        app: Answers requests.
        settings: Limits.

    Attributes:
        deadline: When the caller must have made progress, in seconds of the loop's clock.
    """

    def __init__(self, app: Application, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._max_head_bytes = settings.max_head_bytes
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._parser: Any = None
        self._phase = Phase.IDLE
        self._peer = ""
        self._target = b""
        self._headers: dict[bytes, bytes] = {}
        self._repeats = 0  # headers that were there already
        self._other_bytes = 0  # what is not body in this request: its head, the frames of its chunks, its trailers
        self._parts: list[bytes | bytearray] = []
        self._receiver: BodyReceiver | None = None  # reads the rest of a large body
        self._body_bytes = 0
        self._request: Request | None = None  # the one that is being read
        self._current: Request | None = None  # the one that is being answered
        self._pipeline: deque[Request] = deque()
        self._whole = b""  # what has arrived, where that may be all of one request
        self._known: RepeatedHead | None = None
        self.deadline = 0.0

    @abstractmethod
    def _refuse(self, request: Request, refusal: Response) -> None:
        """Answer before the body has arrived, in the request's turn."""

    @abstractmethod
    def _fail(self, error: HttpError) -> None:
        """Answer input that is not a valid request, and end the connection."""

    @abstractmethod
    def _next(self) -> None:
        """Answer the next request, if it is its turn."""

    @abstractmethod
    def _rest(self) -> None:
        """Give the caller time for its next request, or for the rest of this one."""

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._ended:
            self._skip(len(data))
            return
        known = self._known
        if self._phase is Phase.IDLE and self._current is None and not self._pipeline:
            if known is not None and known.starts(data):
                request = known.again(data, monotonic())
                if self._app.admits_again(request):
                    self._pipeline.append(request)
                    self._next()
                    return
            self._whole = data
        self._known = None
        self._other_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._phase = Phase.ENDED  # the request is answered as if it had not asked, and what follows is dropped
        except httptools.HttpParserError as error:
            if not self._ended:
                self._fail(_no_http(error))
        else:
            if self._other_bytes > self._max_head_bytes and self._phase in (Phase.HEAD, Phase.BODY):
                self._fail(self._too_long())
            elif self._phase is Phase.BODY:
                self._receive_rest()
        self._whole = b""

    # What the parser has found

    def on_message_begin(self) -> None:
        """A request begins."""
        self._phase = Phase.HEAD
        self._target, self._headers, self._repeats = b"", {}, 0
        if self._current is None:
            self.deadline = monotonic() + self._settings.header_timeout_s

    def on_url(self, url: bytes) -> None:
        """A part of the target has arrived."""
        self._target += url
        if len(self._target) > self._settings.max_target_bytes and self._phase is Phase.HEAD:
            longest = self._settings.max_target_bytes
            self._target = self._target[:longest]
            self._fail(HttpError(414, "target-too-long", f"the request's path is longer than {longest} bytes"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header has arrived, or a trailer after a chunked body, which nobody reads."""
        if self._phase is not Phase.HEAD:
            return
        name = name.lower()
        if name in self._headers:
            self._repeats += 1
            try:
                value = joined(name, self._headers[name], value)
            except HttpError as error:
                self._fail(error)
        self._headers[name] = value

    def on_headers_complete(self) -> None:
        """The head is complete: a request that can't be served is refused before its body comes."""
        if self._phase is Phase.ENDED:
            return
        parser, headers, now = self._parser, self._headers, monotonic()
        method, version = parser.get_method().decode("latin-1"), parser.get_http_version()
        since_1_1 = version != "1.0"
        request = self._request = Request(
            method, self._target, headers, since_1_1 and parser.should_keep_alive(), now, since_1_1, peer=self._peer
        )
        most = self._max_head_bytes
        too_long = self._other_bytes > most and sum(map(len, [self._target, *headers, *headers.values()])) > most
        self._phase, self._other_bytes, self._body_bytes = Phase.BODY, 0, 0
        if too_long:
            self._fail(self._too_long())
            return
        try:
            if len(headers) + self._repeats > self._settings.max_headers:
                raise HttpError(
                    431, "too-many-headers", f"the request has more than {self._settings.max_headers} headers"
                )
            check_head(method, version, headers)
        except HttpError as error:
            self._fail(error)
            return
        if parser.should_upgrade():
            request.keep_alive = False
            if request.has_body:  # the parser takes it for something other than HTTP
                self._fail(
                    HttpError(400, "bad-http", "this server does not upgrade", hint="send the request without Upgrade")
                )
                return
        self.deadline = now + self._settings.request_timeout_s
        refusal = self._app.admit(request)
        if refusal is not None:
            self._refuse(request, refusal)
        elif since_1_1 and b"expect" in headers and self._current is None:  # 100-continue; others were refused
            self._transport.write(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        """A part of the body has arrived."""
        request = self._request
        self._other_bytes -= len(part)
        if request is None or request.response is not None or self._phase is Phase.ENDED:
            return
        self._body_bytes += len(part)
        if self._body_bytes > self._settings.max_body_bytes:
            self._drop_body(request, too_large(self._settings.max_body_bytes))
        elif not request.takes_body:
            return
        elif self._body_bytes > ALWAYS_BYTES and not self._app.reserve(request, self._body_bytes):
            self._drop_body(request, overloaded())
        elif len(part) < _SMALL_BYTES and self._parts:
            # many small parts would take more memory for themselves than for their content
            if not isinstance(self._parts[-1], bytearray) or len(self._parts[-1]) > ALWAYS_BYTES:
                self._parts.append(bytearray())
            self._parts[-1] += part
        else:
            self._parts.append(part)

    def on_chunk_complete(self) -> None:
        """A chunk has arrived: its frame does not count as part of the head, although it is where the body is."""
        self._other_bytes = max(0, self._other_bytes - _CHUNK_BYTES)

    def _drop_body(self, request: Request, error: HttpError) -> None:
        self._forget_body()
        self._refuse(request, self._app.refused(error))

    def on_message_complete(self) -> None:
        """The request is complete."""
        request, self._request = self._request, None
        if self._phase is Phase.ENDED or request is None:
            return
        body = self._parts[0] if len(self._parts) == 1 else bytearray().join(self._parts)
        self._parts.clear()
        self._complete(request, body)

    def _complete(self, request: Request, body: bytes | bytearray) -> None:
        self._phase, self._other_bytes = Phase.IDLE, 0
        request.body = body
        if request.sent:  # it was refused at once, and its body has now been skipped
            self._rest()
            return
        if self._whole and request.response is None:
            self._known = RepeatedHead.of(request, self._whole)
        self._pipeline.append(request)
        if len(self._pipeline) >= MAX_PIPELINED:
            self._transport.pause_reading()
        self._next()

    # The rest of a large body, which the parser does not see

    def _receive_rest(self) -> None:
        """Have a large body of known size put where it stays, and let the parser alone."""
        request = self._request
        if request is None or request.response is not None or not request.takes_body:
            return
        rest_bytes = (request.content_length or 0) - self._body_bytes
        if rest_bytes <= ALWAYS_BYTES or b"transfer-encoding" in request.headers:
            return
        memory = BodyMemory(self._body_bytes + rest_bytes, self._parts)
        self._parts.clear()
        self._receiver = BodyReceiver(self, memory, rest_bytes)
        self._transport.set_protocol(self._receiver)

    def take_rest(self, count: int) -> bool:
        """See `mlem_server.http.bodies.receiver.Owner`."""
        request = self._request
        if self._ended:
            self._skip(count)
            return False
        if request is None or request.response is not None:
            return False
        self._body_bytes += count
        if not self._app.reserve(request, self._body_bytes):
            self._drop_body(request, overloaded())
            return False
        return True

    def refuse_rest(self) -> None:
        """See `mlem_server.http.bodies.receiver.Owner`."""
        if self._request is not None:
            self._drop_body(self._request, overloaded())

    def end_rest(self, body: bytearray | None) -> None:
        """See `mlem_server.http.bodies.receiver.Owner`."""
        self._receiver = None
        self._transport.set_protocol(self)
        request, self._request = self._request, None
        if self._ended or request is None:
            return
        # the old one still waits for the body
        self._parser = httptools.HttpRequestParser(self) if request.keep_alive else _NoParser()
        self._complete(request, b"" if body is None else body)

    def _forget_body(self) -> None:
        self._parts.clear()
        if self._receiver is not None:
            self._receiver.drop()

    def _skip(self, count: int) -> None:
        """Count what nobody reads: it must not go on for ever."""
        self._body_bytes += count
        if self._body_bytes > self._settings.max_body_bytes:
            self._transport.abort()

    def _too_long(self) -> HttpError:
        part = "head" if self._phase is Phase.HEAD or self._body_bytes == 0 else "trailers or the frames of its chunks"
        return HttpError(
            431, "head-too-large", f"the request's {part} is larger than {self._settings.max_head_bytes / 1024:g} KiB"
        )

    @property
    def _ended(self) -> bool:
        return self._phase is Phase.ENDED


class _NoParser:
    """Stands for the parser after the last request of a connection."""

    def feed_data(self, _data: bytes) -> None:
        raise httptools.HttpParserError(_AFTER_LAST)


def _no_http(error: httptools.HttpParserError) -> HttpError:
    if str(error) in _VERSION_FAULTS:
        return bad_version()
    return HttpError(400, "bad-http", f"this is not HTTP: {error}")
