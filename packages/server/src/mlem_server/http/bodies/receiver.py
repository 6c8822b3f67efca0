"""`BodyReceiver`: reads the rest of a large body from the socket to where it stays, past the parser of HTTP."""

from __future__ import annotations

import asyncio
from typing import Protocol

from mlem_server.http.bodies.memory import BodyMemory

STEP_BYTES = 2**20
"""At most this much is read at once, before anybody looks whether there is room for it."""
_skipped = bytearray(64 * 1024)
"""Where bodies go that nobody wants any more."""


class Owner(Protocol):
    """The connection that a body comes on."""

    def take_rest(self, count: int) -> bool:
        """Count what has arrived; return whether the body is still wanted."""

    def refuse_rest(self) -> None:
        """Refuse a body for which the system has no room."""

    def end_rest(self, body: bytearray | None) -> None:
        """Take back the transport.

        Args:
            body: The whole body; None where it is not wanted.
        """

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""

    def eof_received(self) -> bool | None:
        """See `asyncio.BufferedProtocol`."""

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""


class BodyReceiver(asyncio.BufferedProtocol):
    """Receives one body.

    Args:
        owner: The connection.
        memory: Where the body goes.
        rest_bytes: How much of it is still to come.
    """

    def __init__(self, owner: Owner, memory: BodyMemory, rest_bytes: int) -> None:
        self._owner = owner
        self._memory: BodyMemory | None = memory
        self._rest_bytes = rest_bytes

    def drop(self) -> None:
        """Let go of what has arrived; what still comes is skipped."""
        self._memory = None

    # The transport

    def get_buffer(self, sizehint: int) -> memoryview:
        """See `asyncio.BufferedProtocol`; nothing after the body is read."""
        most_bytes = min(self._rest_bytes, STEP_BYTES)
        if self._memory is not None:
            try:
                return self._memory.next(most_bytes)
            except MemoryError:
                self.drop()
                self._owner.refuse_rest()
        return memoryview(_skipped)[:most_bytes]

    def buffer_updated(self, nbytes: int) -> None:
        """See `asyncio.BufferedProtocol`."""
        self._rest_bytes -= nbytes
        if self._memory is not None:
            self._memory.add(nbytes)
        if not self._owner.take_rest(nbytes):
            self.drop()
        if not self._rest_bytes:
            self._owner.end_rest(None if self._memory is None else self._memory.take())

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.BaseProtocol`."""
        self._owner.connection_lost(exc)

    def eof_received(self) -> bool | None:
        """See `asyncio.BufferedProtocol`."""
        return self._owner.eof_received()

    def pause_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        """See `asyncio.BaseProtocol`."""
        self._owner.resume_writing()
