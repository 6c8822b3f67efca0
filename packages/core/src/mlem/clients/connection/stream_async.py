"""`AsyncStream`: the bytes of a connection for an event loop: plain sockets, which may outlive it without a warning."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Self, TypeVar

from mlem.clients.connection.connecting import Found, QuietSocket, is_address, look_up
from mlem.clients.connection.deadline import Deadline
from mlem.clients.connection.own_thread import in_own_thread
from mlem.clients.connection.stream import JOINED_BYTES, readable

ResultT = TypeVar("ResultT")
_CHUNK_BYTES = 1 << 16


class AsyncStream:
    """A connection of an event loop; see `Stream`.

    It registers with the loop only while something is awaited: anybody can close an idle one, even when its loop is
    gone.

    Args:
        sock: The socket, which does not block.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    @classmethod
    async def open(cls, host: str, port: int, deadline: Deadline) -> Self:
        """Connect to a host; see `mlem.clients.connection.connecting.connect`."""
        return cls(await connect(host, port, deadline))

    async def start_tls(self, context: ssl.SSLContext, host: str, deadline: Deadline) -> None:
        """Go on by TLS."""
        async with asyncio.timeout(deadline.expect_time()):
            self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
            await self._by_tls(self._tls.do_handshake)

    async def send(self, head: bytes, body: bytes, deadline: Deadline) -> None:
        """Send a request."""
        left_s = deadline.expect_time()
        if self._tls is not None:
            async with asyncio.timeout(left_s):
                await self._send_by_tls(self._tls, memoryview(head + body))
            return
        parts = [head + body] if len(body) <= JOINED_BYTES else [head, body]
        for part in parts:
            rest = self._sent_at_once(memoryview(part))
            if rest:
                async with asyncio.timeout(deadline.expect_time()):
                    await asyncio.get_running_loop().sock_sendall(self._sock, rest)

    async def read(self, most_bytes: int, deadline: Deadline) -> bytes:
        """Return what has arrived; empty when the other side has closed the connection."""
        async with asyncio.timeout(deadline.expect_time()):
            tls = self._tls
            if tls is None:
                return await asyncio.get_running_loop().sock_recv(self._sock, most_bytes)
            try:
                return await self._by_tls(lambda: tls.read(most_bytes))
            except ssl.SSLZeroReturnError:
                return b""

    async def read_into(self, view: memoryview, deadline: Deadline) -> int:
        """Read what has arrived, and return its length; 0 when the other side has closed the connection."""
        if self._tls is not None:
            found = await self.read(min(len(view), _CHUNK_BYTES), deadline)
            view[: len(found)] = found
            return len(found)
        async with asyncio.timeout(deadline.expect_time()):
            return await asyncio.get_running_loop().sock_recv_into(self._sock, view)

    def is_quiet(self) -> bool:
        """Say whether nothing has arrived, and the other side has not closed the connection."""
        pending = self._tls is not None and (self._tls.pending() or self._incoming.pending)
        return not pending and not readable(self._sock)

    def close(self) -> None:
        """Close the connection; this waits for nothing."""
        self._sock.close()

    def _sent_at_once(self, view: memoryview) -> memoryview:
        """Send what there is room for, and return the rest: most requests need no waiting."""
        with contextlib.suppress(BlockingIOError, InterruptedError):
            return view[self._sock.send(view) :]
        return view

    async def _send_by_tls(self, tls: ssl.SSLObject, view: memoryview) -> None:
        while view:
            part = view[:_CHUNK_BYTES]
            # the default binds the part at once
            view = view[await self._by_tls(lambda part=part: tls.write(part)) :]  # type: ignore[misc]

    async def _by_tls(self, act: Callable[[], ResultT]) -> ResultT:
        loop = asyncio.get_running_loop()
        while True:
            result: ResultT
            try:
                result, waits = act(), False
            except ssl.SSLWantReadError:
                waits = True
            finally:
                if self._outgoing.pending:
                    await loop.sock_sendall(self._sock, self._outgoing.read())
            if not waits:
                return result
            received = await loop.sock_recv(self._sock, _CHUNK_BYTES)
            self._incoming.write(received) if received else self._incoming.write_eof()


async def connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect without blocking the event loop; see `mlem.clients.connection.connecting.connect`."""
    loop = asyncio.get_running_loop()
    failed: OSError | None = None
    async with asyncio.timeout(deadline.expect_time()):
        for family, kind, protocol, address in await _addresses(host, port):
            made = QuietSocket(family, kind, protocol)
            try:
                made.setblocking(False)
                await loop.sock_connect(made, address)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return made
            except BaseException as error:
                made.close()
                if not isinstance(error, OSError):
                    raise
                failed = error
    raise failed or OSError(f"{host} has no address")


async def _addresses(host: str, port: int) -> list[Found]:
    if is_address(host):
        return look_up(host, port)
    return await asyncio.wrap_future(in_own_thread(lambda: look_up(host, port)))
