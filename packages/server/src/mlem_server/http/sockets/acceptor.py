"""`Acceptor`: takes connections from the listening socket up to a limit, and stops without resetting any of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import ssl
import time

from mlem_server.http.errors import HttpError, too_many
from mlem_server.http.sockets.connections import Connections
from mlem_server.http.sockets.syn_filter import admit_new_connections, drop_new_connections

log = logging.getLogger("mlem.server")

_AT_ONCE = 64
"""At most this many connections are accepted before the open ones get their turn."""
_OTHER_FILES = 64
"""How many files a server and its model may have open besides its connections."""
_PAUSE_S = 0.1
_SILENCE_S = 60.0
"""The same problem is logged once in this time."""
_LAST_HANDSHAKES_S = 0.05
"""How long a caller needs to finish a handshake, on the networks that load balancers and servers share."""


class Acceptor:
    """Takes connections for one server.

    Args:
        listener: The listening socket.
        connections: What they are handed to.
        context: What TLS needs; None without it.
        handshake_s: Seconds that a caller has for the handshake of TLS.
    """

    def __init__(
        self, listener: socket.socket, connections: Connections, context: ssl.SSLContext | None, handshake_s: float
    ) -> None:
        self._listener = listener
        self._connections = connections
        self._context = context
        self._handshake_s = handshake_s
        self._loop = asyncio.get_running_loop()
        self._handshakes: dict[asyncio.Task[None], socket.socket] = {}
        self._told = -_SILENCE_S
        self._most = connections_possible(connections.settings.max_connections)
        if self._most < connections.settings.max_connections:
            log.warning("this process may only have files for %d connections (ulimit -n)", self._most)
        # one of several workers leaves the next caller to the others: callers who come together would all be its own
        self._at_once = _AT_ONCE if connections.settings.slot is None else 1
        self._open = False
        self._resuming: asyncio.TimerHandle | None = None
        listener.setblocking(False)

    def start(self) -> None:
        """Take connections from now on; calling it again does no harm."""
        if not self._open:
            self._open = True
            self._loop.add_reader(self._listener, self._accept)

    def leave(self) -> None:
        """Take no more connections; those who connect are for other processes, which have the socket, too."""
        self._open = False
        if self._resuming is not None:
            self._resuming.cancel()
        self._loop.remove_reader(self._listener)

    async def stop(self, *, worker: bool, own: bool) -> None:
        """Take the callers that have connected so far, and close the socket.

        The kernel resets callers that wait at a closed socket, so new ones are ignored before.
        They try again a second later, and find the port closed, or the next server.

        Args:
            worker: Whether other processes listen on the same socket; then the process that watches them makes the
                kernel ignore callers.
            own: Whether nobody else has the socket: otherwise it must stay usable for the others.
        """
        self.leave()
        ignored = not worker and drop_new_connections(self._listener)
        self._take_all()
        if ignored or worker:
            await asyncio.sleep(_LAST_HANDSHAKES_S)
            self._take_all()
        if ignored and not own:
            admit_new_connections(self._listener)
        self._listener.close()
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    def _take_all(self) -> None:
        with contextlib.suppress(OSError):  # nobody waits in the queue any more
            while True:
                self._take(self._listener.accept()[0])

    def _accept(self) -> None:
        for _ in range(self._at_once):
            if self._context is None and self._handshakes and self._is_full():
                return  # those just taken will be connections in a moment, and can make room then
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:  # no file descriptors or memory left
                self._pause(error)
                return
            self._take(connection)

    def _pause(self, error: OSError) -> None:
        """Wait a little, and make room: the socket would be ready again at once."""
        self._loop.remove_reader(self._listener)
        self._resuming = self._loop.call_later(_PAUSE_S, self._resume)
        if time.monotonic() - self._told > _SILENCE_S:
            self._told = time.monotonic()
            log.error("no connection can be accepted: %s; trying again every %g s", error.strerror, _PAUSE_S)
        self._connections.refused(HttpError(503, "not-accepted", "the system has no room for the connection"))
        self._connections.make_room()

    def _resume(self) -> None:
        self._resuming = None
        if self._open:
            self._loop.add_reader(self._listener, self._accept)

    def _take(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        if self._is_full() and not self._make_room():
            self._turn_away(connection)
            return
        task = self._loop.create_task(self._connect(connection))
        self._handshakes[task] = connection
        task.add_done_callback(self._handshakes.pop)

    async def _connect(self, connection: socket.socket) -> None:
        timeout_s = self._handshake_s if self._context else None
        try:
            await self._loop.connect_accepted_socket(
                self._connections.accept, connection, ssl=self._context, ssl_handshake_timeout=timeout_s
            )
        except (
            OSError,
            asyncio.CancelledError,
        ):  # callers that are gone, do not speak TLS, or take too long do not concern us
            connection.close()

    def _is_full(self) -> bool:
        return self._connections.count + len(self._handshakes) >= self._most

    def _make_room(self) -> bool:
        """End what loses least: an idle connection, or a handshake that takes long."""
        if self._connections.make_room():
            return True
        if self._context is None or not self._handshakes:
            return False
        return next(iter(self._handshakes)).cancel()

    def _turn_away(self, connection: socket.socket) -> None:
        refusal = self._connections.refused(too_many())
        if self._context is None:
            with contextlib.suppress(OSError):
                connection.send(refusal.head("-", b"", close=True) + refusal.body)
        connection.close()


def connections_possible(wanted: int) -> int:
    """Let the process have files for a number of connections, as far as the system allows it.

    Returns:
        How many connections it has files for.
    """
    try:
        import resource  # not on every system
    except ImportError:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted + _OTHER_FILES if hard == resource.RLIM_INFINITY else min(hard, wanted + _OTHER_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
            soft = most
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - _OTHER_FILES))
