"""`Connection`: HTTP/1.1 with one caller, parsed by httptools (Node's llhttp), one request after the other.

Source of the rules: RFC 9112, https://www.rfc-editor.org/rfc/rfc9112 (HTTP/1.1), and RFC 9110, section 10.1.1 (Expect).
"""

from __future__ import annotations

import asyncio
from functools import partial
from time import monotonic
from typing import Protocol, cast

import httptools

from mlem_server.http.application import Application
from mlem_server.http.errors import HttpError
from mlem_server.http.request import Request
from mlem_server.http.request_reader import MAX_PIPELINED, Phase, RequestReader
from mlem_server.http.response import Kind, Piece, Response, Stream
from mlem_server.settings import Settings

LINGER_S = 2.0
_ONE_WRITE_BYTES = 64 * 1024


class Owner(Protocol):
    """All connections, as each of them sees them.

    Attributes:
        stopping: Whether every answer is the last of its connection.
        date: The header of this name, whole.
    """

    stopping: bool
    date: bytes

    def add(self, connection: Connection) -> None:
        """Register a connection that was made."""

    def remove(self, connection: Connection) -> None:
        """Remove a connection that was lost."""


class Connection(RequestReader):
    """A connection.

    It needs no task or timer of its own: `Connections` looks at the deadlines of all of them a few times a second.

    Args:
        app: Answers requests.
        settings: Limits.
        owner: All connections.

    Attributes:
        deadline: When the caller must have made progress, in seconds of the loop's clock.
    """

    def __init__(self, app: Application, settings: Settings, owner: Owner) -> None:
        super().__init__(app, settings)
        self._owner = owner
        self._drained = True
        self._closing = False
        self._streamed: tuple[Request, Stream] | None = None  # the one that waits until its caller has read

    # The transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.BaseProtocol`."""
        self._transport = cast("asyncio.Transport", transport)
        address = transport.get_extra_info("peername")
        self._peer = address[0] if isinstance(address, tuple) else ""
        self._parser = httptools.HttpRequestParser(self)
        self.deadline = monotonic() + self._settings.keep_alive_s
        self._owner.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self._phase = Phase.ENDED
        self._owner.remove(self)
        for request in (self._request, self._current, *self._pipeline):
            if request is not None:
                self._app.forget(request)
        self._request = self._current = None
        self._pipeline.clear()
        self._forget_body()

    def eof_received(self) -> bool:
        """See `asyncio.Protocol`; a caller that has sent everything may still read its answer, where there is no TLS.

        One that ends its side while a stream or an awaited call is running has most likely gone, so that work is ended.
        """
        self._closing = True
        if self._current is not None and self._current.ends_early():
            return False
        return self.busy and self._transport.get_extra_info("sslcontext") is None

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`: the caller reads slowly."""
        self._drained = False
        self.deadline = monotonic() + self._settings.request_timeout_s

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._drained = True
        if self._streamed is not None:
            self._pull(*self._streamed)
            return
        self._rest()
        self._next()

    # Answers

    def _refuse(self, request: Request, refusal: Response) -> None:
        """Answer before the body has arrived, in the request's turn."""
        length = request.content_length
        # the rest of a small body is skipped, and the connection stays open
        small = length is not None and length <= self._settings.max_body_bytes and b"expect" not in request.headers
        if request.has_body and not small:
            request.keep_alive = False
        request.response = refusal
        if self._current is None and not self._pipeline:
            self._send(request, refusal)
            if not request.keep_alive:
                self._end()
        elif not request.keep_alive:
            self._pipeline.append(request)
            self._phase = Phase.ENDED

    def _fail(self, error: HttpError) -> None:
        """Answer input that is not a valid request, and end the connection."""
        request = self._request or Request("GET", self._target, self._headers, False, monotonic())
        self._request = None
        request.keep_alive = False
        self._phase = Phase.ENDED
        self._forget_body()
        if request.sent:
            self._end()
            return
        request.response = self._app.refused(error)
        self._pipeline.append(request)
        self._next()

    def _next(self) -> None:
        """Answer the next request, unless one is being answered or the caller does not read."""
        while self._pipeline and self._current is None and self._drained:
            request = self._pipeline.popleft()
            if len(self._pipeline) == MAX_PIPELINED - 1:
                self._transport.resume_reading()
            self._current = request
            self.deadline = monotonic() + self._limit_s(request)
            if request.response is not None:
                self._reply(request, request.response)
            else:
                self._app.handle(request, partial(self._reply, request))

    def _reply(self, request: Request, response: Response) -> None:
        if request is not self._current:
            return  # it was answered because it took too long, or the caller is gone
        request.response = response
        if response.stream is not None:
            self._begin(request, response, response.stream)
            return
        self._current = None
        self._send(request, response)
        self._go_on(request)

    def _go_on(self, request: Request) -> None:
        """Take the next request, unless the answer was the last."""
        if not request.keep_alive or self._closing or self._owner.stopping:
            self._end()
        else:
            self._rest()
            self._next()

    def _send(self, request: Request, response: Response) -> None:
        request.sent = True
        close = not request.keep_alive or self._closing or self._owner.stopping
        head = response.head(request.id, self._owner.date, close=close)
        if request.method == "HEAD":
            self._transport.write(head)
        elif len(response.body) < _ONE_WRITE_BYTES:
            self._transport.write(head + response.body)
        else:
            self._transport.write(head)
            self._transport.write(response.body)
        self._app.answered(request, response)

    def _begin(self, request: Request, response: Response, stream: Stream) -> None:
        """Answer with a stream: first what there is of it, then piece by piece, as the caller reads."""
        request.sent = True
        close = not request.keep_alive or not request.chunks or self._closing or self._owner.stopping
        self._transport.write(response.head(request.id, self._owner.date, close=close, chunked=request.chunks))
        self._write_piece(request, response.body)
        self._pull(request, stream)

    def _pull(self, request: Request, stream: Stream) -> None:
        self._streamed = None
        self.deadline = monotonic() + self._settings.request_timeout_s
        if self._drained:
            stream.pull(partial(self._take, request, stream))
        else:
            self._streamed = (request, stream)

    def _take(self, request: Request, stream: Stream, piece: Piece) -> None:
        if request is not self._current:
            return  # it took too long, or the caller is gone
        self._write_piece(request, piece.data)
        if piece.kind is Kind.ITEM:
            self._pull(request, stream)
            return
        self._end_stream(request, whole=piece.kind is Kind.END)

    def _end_stream(self, request: Request, *, whole: bool) -> None:
        """End a stream; an incomplete one lacks its end mark, so that the caller notices."""
        self._current, self._streamed = None, None
        if whole and request.chunks:
            self._transport.write(b"0\r\n\r\n")
        request.keep_alive = request.keep_alive and whole and request.chunks
        if request.response is not None:
            self._app.answered(request, request.response)
        self._go_on(request)

    def _write_piece(self, request: Request, data: bytes) -> None:
        if data:
            self._transport.write(b"%x\r\n%s\r\n" % (len(data), data) if request.chunks else data)

    def _break_off(self, request: Request, refusal: Response) -> None:
        """Answer a request that takes too long with a refusal; in a stream that is the last piece."""
        stream = request.response.stream if request.response is not None else None
        self._app.forget(request)
        if stream is None:
            self._reply(request, refusal)
            return
        self._write_piece(request, stream.broken(refusal).data)
        self._end_stream(request, whole=False)

    def _limit_s(self, request: Request) -> float:
        """Return how many seconds there are for an answer: the caller may want it sooner than the server allows."""
        limit_s = self._settings.request_timeout_s
        return limit_s if request.timeout_s is None else min(limit_s, request.timeout_s)

    def _rest(self) -> None:
        """Give the caller time for its next request, or for the rest of this one."""
        phase, settings = self._phase, self._settings
        if phase is Phase.HEAD:
            limit_s = settings.header_timeout_s
        else:
            limit_s = settings.request_timeout_s if phase is Phase.BODY else settings.keep_alive_s
        self.deadline = monotonic() + limit_s

    def _end(self) -> None:
        """Close when the caller has read the answer.

        Closing while data arrives resets the connection, and the answer is lost.
        """
        unread = self._phase is Phase.BODY or self._phase is Phase.ENDED or bool(self._pipeline)
        self._phase, self._body_bytes = Phase.ENDED, 0
        self._pipeline.clear()
        if not unread:
            self._transport.close()
            return
        self.deadline = monotonic() + LINGER_S
        if self._transport.can_write_eof():
            self._transport.write_eof()

    # Deadlines

    @property
    def idle(self) -> bool:
        """Whether no request has been received and none is being answered."""
        return self._phase is Phase.IDLE and self._current is None and not self._pipeline

    @property
    def busy(self) -> bool:
        """Whether a request is being answered."""
        return self._current is not None or bool(self._pipeline)

    @property
    def spare(self) -> bool:
        """Whether it can be closed without loss: no request has been received, or the last one is answered."""
        return self.idle or (self._phase is Phase.ENDED and self._current is None)

    @property
    def sending(self) -> bool:
        """Whether the caller is still sending its request, and not waiting for an answer."""
        return self._phase in (Phase.HEAD, Phase.BODY) and not self.busy

    def make_room(self, refusal: Response | None) -> None:
        """Close, to make room for another connection; a caller that was sending is told why, if that works at once."""
        if refusal is not None:
            self._transport.write(refusal.head("-", self._owner.date, close=True) + refusal.body)
            if self._request is not None:
                self._app.forget(self._request)
                self._request = None
        self._phase = Phase.ENDED
        self._owner.remove(self)
        self._transport.close()

    def expire(self) -> None:
        """Act on a deadline that has passed."""
        limit_s = self._settings.request_timeout_s
        if not self._drained or (self._phase is Phase.ENDED and self._current is None):
            self._transport.abort()
        elif self._current is not None:
            self._break_off(self._current, self._app.refused(_too_late(self._current, limit_s)))
        elif self._phase is Phase.HEAD:
            limit_s = self._settings.header_timeout_s
            self._fail(HttpError(408, "head-timeout", f"the request's head was not complete after {limit_s:g} s"))
        elif self._phase is Phase.BODY:
            self._fail(HttpError(408, "body-timeout", f"the body was not complete after {limit_s:g} s"))
        else:
            self._transport.close()

    def cut_off(self, response: Response) -> None:
        """Answer what is in flight with a refusal, and close: the time for stopping is over."""
        if self._current is not None:
            self._break_off(self._current, response)
        self._transport.close()


def _too_late(request: Request, limit_s: float) -> HttpError:
    if request.timeout_s is not None and request.timeout_s < limit_s:
        message = f"no answer within the {request.timeout_s:g} s of X-Request-Timeout"
        return HttpError(504, "deadline-passed", message, hint="give the call more time")
    return HttpError(503, "timed-out", f"no answer within {limit_s:g} s", headers={"retry-after": "1"})
