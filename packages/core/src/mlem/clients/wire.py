"""One request and its answer over HTTP, from a thread or an event loop, within one deadline and with our errors."""

from __future__ import annotations

import math
import operator
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mlem.clients.connection import receiving
from mlem.clients.connection.answer import Answer, TooLargeError
from mlem.clients.connection.deadline import Deadline
from mlem.clients.connection.failures import broken, not_opened
from mlem.clients.connection.opening import opened
from mlem.clients.connection.pools import Pool, Pools
from mlem.clients.connection.route import Route
from mlem.clients.course import Course, follow, follow_async
from mlem.clients.lines import MEDIA_TYPE
from mlem.clients.response import Response, too_large
from mlem_model.models.calls.answer_headers import hear

CONNECT_TIMEOUT_S = 5.0
_do: Any = operator.call
"""The needs of the courses here are functions; those of event loops return what is awaited."""


@dataclass(frozen=True)
class Request:
    """What is sent.

    Attributes:
        verb: ``GET`` or ``POST``.
        base: The server's address, for messages.
        path: The path of the request.
        headers: Headers beside those that belong to the transport.
        body: The body.
        deadline: When all of it must be done; for a stream, the first item, and again each of the others.
        whole: Whether the whole answer is read, even if it comes item by item.
        once: Whether it must never be sent twice.
        most_bytes: How large the answer may be in memory, also after it is unpacked; for a stream, each of its items.
    """

    verb: str
    base: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None
    deadline: Deadline
    whole: bool = True
    once: bool = False
    most_bytes: float = math.inf

    def head(self, route: Route) -> bytes:
        """Return all that is sent before the body."""
        lines = "".join([f"{name}: {value}\r\n" for name, value in self.headers.items()])
        length = "" if self.body is None else f"Content-Length: {len(self.body)}\r\n"
        return f"{self.verb} {route.target}{self.path} HTTP/1.1\r\n{route.headers}{lines}{length}\r\n".encode("latin-1")


def send(pools: Pools, route: Route, request: Request) -> Response:
    """Send a request, and return the answer.

    Args:
        pools: Connections to use.
        route: How the server is reached.
        request: What is sent.

    Raises:
        WaitTimeoutError: It took longer than the deadline.
        PlatformError: The server can't be reached, the connection was lost, or the answer is too large.
    """
    answer, body = follow(_exchanged(pools.of_threads(route), request), _do)
    items = ThreadBody(body) if isinstance(body, Rest) else None
    return _response(request, answer, b"" if items is not None else body, items)


async def send_async(pools: Pools, route: Route, request: Request) -> Response:
    """Send a request without blocking the event loop; see `send`. When it is cancelled, its connection is closed."""
    answer, body = await follow_async(_exchanged(pools.of_loop(route), request), _do)
    items = LoopBody(body) if isinstance(body, Rest) else None
    return _response(request, answer, b"" if items is not None else body, items)


def _exchanged(pool: Pool[Any], request: Request) -> Course[tuple[Answer, Any]]:
    """Return an answer, and its body or the `Rest` of it.

    Load balancers and proxies close what was idle for some time, also in the moment in which a call arrives: a request
    that failed on a connection that was kept, before a byte of the answer, is sent again. On one that was made for it a
    request is never sent again, so each that was kept is tried once at most.
    """
    url, seconds, deadline = request.base, request.deadline.seconds, request.deadline
    while True:
        kept = pool.take()
        stream = kept or (yield from _opened(pool, request))
        answer = Answer(request.most_bytes)
        try:
            yield from _sent(stream, request, request.head(pool.route))
            yield from receiving.head(stream, answer, deadline)
            if not request.whole and _comes_item_by_item(answer):
                return answer, Rest(pool, stream, answer, request)
            body = yield from receiving.body(stream, answer, deadline)
        except OSError as error:
            stream.close()
            unseen = kept is not None and not answer.begun and not isinstance(error, TimeoutError)
            if request.once or not unseen:
                raise broken(error, url, seconds) from error
        except TooLargeError:
            stream.close()
            raise too_large(url, request.most_bytes) from None
        except BaseException:
            stream.close()
            raise
        else:
            pool.give(stream) if answer.kept else stream.close()
            return answer, body


def _sent(stream: Any, request: Request, head: bytes) -> Course[None]:
    try:
        yield partial(stream.send, head, request.body or b"", request.deadline)
    except TimeoutError:
        raise
    except OSError:
        return  # there may be an answer all the same, which says why


def _opened(pool: Pool[Any], request: Request) -> Course[Any]:
    deadline = request.deadline.sooner(CONNECT_TIMEOUT_S)
    try:
        return (yield from opened(pool.route, pool.kind, lambda: pool.context, deadline))
    except OSError as error:
        seconds = min(CONNECT_TIMEOUT_S, request.deadline.seconds)
        raise not_opened(error, request.base, seconds) from error


class Rest:
    """The rest of an answer that comes item by item.

    Args:
        pool: Where its connection goes at the end.
        stream: Its connection.
        answer: What has arrived.
        request: What was asked.
    """

    def __init__(self, pool: Pool[Any], stream: Any, answer: Answer, request: Request) -> None:
        self.deadline = request.deadline
        self._pool, self._stream, self._answer, self._url = pool, stream, answer, request.base
        self._open = True

    def more(self) -> Course[bytes]:
        """Return what has arrived; empty at the end."""
        try:
            while not (found := self._answer.take()) and not self._answer.complete:
                self._answer.feed((yield partial(self._stream.read, receiving.CHUNK_BYTES, self.deadline)))
        except OSError as error:
            self.close()
            raise broken(error, self._url, self.deadline.seconds) from error
        except BaseException:
            self.close()
            raise
        if not found:
            self.close()
        return found

    def close(self) -> None:
        """Keep the connection for the next call, or close it where there is more to come."""
        if self._open:
            self._open = False
            self._pool.give(self._stream) if self._answer.complete and self._answer.kept else self._stream.close()


class ThreadBody:
    """The rest of an answer that comes item by item; see `mlem.clients.lines.Body`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def begin_item(self) -> None:
        """Give the next item its time."""
        self._rest.deadline.renew()

    def read(self) -> bytes:
        """Return what has arrived; empty at the end."""
        return follow(self._rest.more(), _do)

    def close(self) -> None:
        """Stop reading."""
        self._rest.close()


class LoopBody:
    """The rest of an answer that comes item by item, for an event loop; see `mlem.clients.lines.AsyncBody`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def begin_item(self) -> None:
        """Give the next item its time."""
        self._rest.deadline.renew()

    async def read(self) -> bytes:
        """Return what has arrived; empty at the end."""
        return await follow_async(self._rest.more(), _do)

    async def aclose(self) -> None:
        """Stop reading."""
        self._rest.close()


def _comes_item_by_item(answer: Answer) -> bool:
    return answer.status == 200 and answer.headers.get("content-type", "").partition(";")[0].strip() == MEDIA_TYPE


def _response(request: Request, answer: Answer, body: bytes | bytearray, items: Any = None) -> Response:
    headers = answer.headers
    hear(headers)
    if body and headers.get("content-encoding", "").strip().lower() in ("gzip", "deflate"):
        body = _unpacked(body, request)  # from a proxy that was asked not to compress
    return Response(answer.status, headers.get("content-type", ""), headers.get("retry-after"), body, items)


def _unpacked(body: bytes | bytearray, request: Request) -> bytes | bytearray:
    """Unpack a body, of which a few bytes may stand for very many; one that is cut short or damaged stays as it is."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        found = unpacker.decompress(body, 0 if math.isinf(request.most_bytes) else int(request.most_bytes) + 1)
    except zlib.error:
        return body
    if len(found) > request.most_bytes:
        raise too_large(request.base, request.most_bytes)
    return found if unpacker.eof else body
