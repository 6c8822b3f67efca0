"""`Pools`: the connections of a client in one process: those of its threads, and those of each event loop."""

from __future__ import annotations

import functools
import ssl
import threading
import time
import weakref
from typing import TYPE_CHECKING, Generic, TypeVar

from mlem.clients.connection.route import Route
from mlem.clients.connection.stream import Stream

if TYPE_CHECKING:
    import asyncio

    from mlem.clients.connection.stream_async import AsyncStream

MOST_IDLE = 10
IDLE_S = 60.0
"""Idle connections are closed before servers and load balancers close them, which wait 75 s."""
StreamT = TypeVar("StreamT", "Stream", "AsyncStream")


class Pool(Generic[StreamT]):
    """Connections to a server that wait for the next call.

    Args:
        route: How the server is reached.
        kind: The class of the connections.
    """

    def __init__(self, route: Route, kind: type[StreamT]) -> None:
        self.route = route
        self.kind: type[StreamT] = kind
        self._lock = threading.Lock()
        self._idle: list[tuple[float, StreamT]] = []
        self._closed = False

    @functools.cached_property
    def context(self) -> ssl.SSLContext:
        """What verifies certificates.

        Raises:
            UserError: See `Route.context`.
        """
        return self.route.context()

    def take(self) -> StreamT | None:
        """Return the connection that was used last, if the other side has not closed it; None when there is none."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                since, stream = self._idle.pop()
            if time.monotonic() - since <= IDLE_S and stream.is_quiet():
                return stream
            stream.close()

    def give(self, stream: StreamT) -> None:
        """Keep a connection for the next call, and close those that have waited for too long."""
        now = time.monotonic()
        with self._lock:
            idle = self._idle
            idle.append((now, stream))
            while idle and (self._closed or len(idle) > MOST_IDLE or now - idle[0][0] > IDLE_S):
                idle.pop(0)[1].close()

    def close(self) -> None:
        """Close the connections that are idle; one in use is closed when its user gives it back."""
        with self._lock:
            self._closed = True
            while self._idle:
                self._idle.pop()[1].close()


class Pools:
    """Connections that are kept for the next call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_threads: dict[Route, Pool[Stream]] = {}
        self._of_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Route, Pool[AsyncStream]]]
        self._of_loops = weakref.WeakKeyDictionary()

    def of_threads(self, route: Route) -> Pool[Stream]:
        """Return the connections of all threads."""
        return self._of_threads.get(route) or self._of_threads.setdefault(route, Pool(route, Stream))

    def of_loop(self, route: Route) -> Pool[AsyncStream]:
        """Return the connections of the event loop that runs in this thread.

        Those of loops that are closed are closed.
        """
        import asyncio

        from mlem.clients.connection.stream_async import AsyncStream

        loop = asyncio.get_running_loop()
        pools = self._of_loops.get(loop)
        if pools is None:
            with self._lock:
                for other in [other for other in self._of_loops if other.is_closed()]:
                    _close(self._of_loops.pop(other))
                pools = self._of_loops.setdefault(loop, {})
        return pools.get(route) or pools.setdefault(route, Pool(route, AsyncStream))

    def close(self) -> None:
        """Close the connections that are idle; one in use is closed when its user gives it back."""
        with self._lock:
            _close(self._of_threads)
            for pools in self._of_loops.values():
                _close(pools)


def _close(pools: dict[Route, Pool[StreamT]]) -> None:
    for pool in list(pools.values()):
        pool.close()
