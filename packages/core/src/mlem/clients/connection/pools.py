"""`Pools`: the connections of a client in one process: those of its threads, and those of each event loop."""

from __future__ import annotations

import contextlib
import ssl
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

import httpcore2

from mlem.clients.connection.network import Backend
from mlem_model.errors import UserError

if TYPE_CHECKING:
    import asyncio

MOST_IDLE = 10
IDLE_S = 60.0
"""Idle connections are closed before servers and load balancers close them, which wait 75 s."""
PoolT = TypeVar("PoolT", httpcore2.ConnectionPool, httpcore2.AsyncConnectionPool)


@dataclass(frozen=True)
class Route:
    """How a server is reached.

    Attributes:
        ca_file: Certificates that are trusted instead of the system's.
        proxy: The URL of the proxy.
        secure: Whether it speaks TLS.
    """

    ca_file: str | None = None
    proxy: str | None = None
    secure: bool = True

    def context(self) -> ssl.SSLContext:
        """Return what verifies certificates.

        Raises:
            UserError: The file of certificates can't be used.
        """
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            reason = (
                error.strerror
                if isinstance(error, OSError) and not isinstance(error, ssl.SSLError)
                else "it has no certificates"
            )
            raise UserError(f"ca_file {self.ca_file} can't be used: {reason}", code="bad-ca-file") from error

    def options(self) -> dict[str, Any]:
        """Return the arguments of a pool."""
        proxy = None
        if self.proxy is not None:
            parts = urlsplit(self.proxy)
            auth = (
                (unquote(parts.username).encode(), unquote(parts.password or "").encode()) if parts.username else None
            )
            proxy = httpcore2.Proxy(f"http://{parts.netloc.rpartition('@')[2]}", auth=auth)
        return {
            "ssl_context": self.context() if self.secure else None,  # reading the system's certificates takes time
            "proxy": proxy,
            "max_connections": None,
            "max_keepalive_connections": MOST_IDLE,
            "keepalive_expiry": IDLE_S,
        }


class Pools:
    """Connections that are kept for the next call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of_threads: dict[Route, httpcore2.ConnectionPool] = {}
        self._of_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Route, httpcore2.AsyncConnectionPool]]
        self._of_loops = weakref.WeakKeyDictionary()

    def of_threads(self, route: Route) -> httpcore2.ConnectionPool:
        """Return the connections of all threads."""
        found = self._of_threads.get(route)
        return found or self._made(
            self._of_threads, route, lambda: httpcore2.ConnectionPool(**route.options(), network_backend=Backend())
        )

    def of_loop(self, route: Route) -> httpcore2.AsyncConnectionPool:
        """Return the connections of the event loop that runs in this thread.

        Those of loops that are closed are closed.
        """
        import asyncio

        from mlem.clients.connection.network_async import AsyncBackend

        loop = asyncio.get_running_loop()
        pools = self._of_loops.get(loop)
        if pools is None:
            with self._lock:
                for other in [other for other in self._of_loops if other.is_closed()]:
                    _close_idle(self._of_loops.pop(other).values())
                pools = self._of_loops.setdefault(loop, {})
        found = pools.get(route)
        return found or self._made(
            pools, route, lambda: httpcore2.AsyncConnectionPool(**route.options(), network_backend=AsyncBackend())
        )

    def close(self) -> None:
        """Close the connections that are idle; one in use is closed only by its user."""
        with self._lock:
            for pool in self._of_threads.values():
                for connection in pool.connections:
                    if connection.is_idle():
                        connection.close()
            for pools in self._of_loops.values():
                _close_idle(pools.values())

    def _made(self, pools: dict[Route, PoolT], route: Route, make: Callable[[], PoolT]) -> PoolT:
        made = make()
        with self._lock:
            return pools.setdefault(route, made)


def _close_idle(pools: Iterator[httpcore2.AsyncConnectionPool] | Sequence[httpcore2.AsyncConnectionPool] | Any) -> None:
    for pool in pools:
        for connection in pool.connections:
            if connection.is_idle():
                _at_once(connection.aclose())


def _at_once(closing: Coroutine[Any, Any, None]) -> None:
    """Close without an event loop: closing waits for nothing, see `AsyncStream`."""
    with contextlib.suppress(StopIteration):
        closing.send(None)
    closing.close()
