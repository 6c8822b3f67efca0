"""`Connections`: all connections of a server, their deadlines, and the orderly end of all of them."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from time import monotonic

from mlem_server.http.application import Application
from mlem_server.http.errors import HttpError, too_many
from mlem_server.http.response import Response
from mlem_server.http.sockets.connection import Connection
from mlem_server.settings import Settings

_LONGEST_TICK_S = 0.25
_LAST_CALL_S = 0.5
"""After SIGTERM, idle connections are kept this long: a request that is already on its way to one of them is still
answered."""


class Connections:
    """All connections of a server.

    Args:
        app: Answers requests.
        settings: Limits.

    Attributes:
        settings: The same.
        stopping: Whether every answer is the last of its connection.
        date: The header of this name, whole.
    """

    def __init__(self, app: Application, settings: Settings) -> None:
        self._app = app
        self.settings = settings
        self.stopping = False
        self.date = b""
        self._all: dict[Connection, None] = {}  # the oldest first
        self._empty = asyncio.Event()
        self._empty.set()
        shortest_s = min(settings.request_timeout_s, settings.header_timeout_s, settings.keep_alive_s)
        self._tick_s = min(_LONGEST_TICK_S, shortest_s / 4)
        self._ticking = asyncio.create_task(self._tick())

    def accept(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self._app, self.settings, self)

    def add(self, connection: Connection) -> None:
        """Register a connection that was made."""
        self._all[connection] = None
        self._empty.clear()

    def remove(self, connection: Connection) -> None:
        """Remove a connection that was lost."""
        self._all.pop(connection, None)
        if not self._all:
            self._empty.set()

    def refused(self, error: HttpError) -> Response:
        """Count the refusal of a caller who does not become a connection; return the answer."""
        return self._app.refused(error)

    @property
    def count(self) -> int:
        """How many connections there are."""
        return len(self._all)

    def make_room(self) -> bool:
        """Close the connection whose caller loses least: an idle one, or the one that has been sending for longest.

        Returns:
            Whether there was one; every other caller waits for an answer.
        """
        sending = None
        for connection in self._all:
            if connection.spare:
                connection.make_room(None)
                return True
            if sending is None and connection.sending:
                sending = connection
        if sending is None:
            return False
        sending.make_room(self._app.refused(too_many()))
        return True

    async def _tick(self) -> None:
        while True:
            self.date = b"date: %s\r\n" % formatdate(usegmt=True).encode()
            now = monotonic()
            self._app.tick()  # first, so that callers who waited behind another's call are told why
            for connection in [each for each in self._all if each.deadline < now]:
                connection.expire()
            due = monotonic() + self._tick_s
            await asyncio.sleep(self._tick_s)
            self._app.loop_was_late(monotonic() - due)

    async def stop(self, timeout_s: float, refusal: Response) -> int:
        """Let requests in flight be finished, and close all connections.

        Args:
            timeout_s: How long that may take.
            refusal: The answer to requests that take longer.

        Returns:
            How many requests were cut off.
        """
        self.stopping = True
        soon = monotonic() + min(_LAST_CALL_S, timeout_s)
        for connection in self._all:
            if connection.idle:
                connection.deadline = soon
        cut_off = 0
        try:
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
        except TimeoutError:
            for connection in list(self._all):
                cut_off += connection.busy
                connection.cut_off(refusal)
        self._ticking.cancel()
        return cut_off

    def in_flight(self) -> int:
        """Count the connections with a request that is being answered."""
        return sum(connection.busy for connection in self._all)
