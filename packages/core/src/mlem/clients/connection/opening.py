"""From a `Route` to a connection: by a proxy, and by TLS."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from mlem.clients.connection.answer import Answer
from mlem.clients.connection.deadline import Deadline
from mlem.clients.connection.route import Route
from mlem.clients.course import Course

if TYPE_CHECKING:
    from mlem.clients.connection.stream import Stream
    from mlem.clients.connection.stream_async import AsyncStream

_CHUNK_BYTES = 4096


class ProxyRefusedError(OSError):
    """The proxy does not connect to the server."""


def opened(
    route: Route, kind: type[Stream | AsyncStream], context: Callable[[], ssl.SSLContext], deadline: Deadline
) -> Course[Stream | AsyncStream]:
    """Connect to a server; this is a course, whose needs are called, and on an event loop awaited too.

    Args:
        route: How it is reached.
        kind: The class of the connection.
        context: Returns what verifies certificates.
        deadline: When it must be done.

    Raises:
        TimeoutError: It took longer.
        ProxyRefusedError: The proxy does not connect to the server.
        OSError: There is no connection.
    """
    stream: Stream | AsyncStream = yield partial(kind.open, *(route.proxy or (route.host, route.port)), deadline)
    try:
        if route.secure:
            if route.proxy is not None:
                yield from _tunnelled(route, stream, deadline)
            yield partial(stream.start_tls, context(), route.host, deadline)
    except BaseException:
        stream.close()
        raise
    return stream


def _tunnelled(route: Route, stream: Stream | AsyncStream, deadline: Deadline) -> Course[None]:
    yield partial(stream.send, route.tunnel(), b"", deadline)
    answer = Answer()
    while not answer.headed:
        answer.feed((yield partial(stream.read, _CHUNK_BYTES, deadline)))
    if not 200 <= answer.status < 300:
        raise ProxyRefusedError(f"{answer.status} {answer.reason}".strip())
