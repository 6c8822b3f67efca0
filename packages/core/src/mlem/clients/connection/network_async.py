"""Connections of an event loop, for `httpcore2`: plain sockets, which may outlive the loop without a warning."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import httpcore2

from mlem.clients.connection.connecting import Found, is_address, look_up
from mlem.clients.connection.deadline import Deadline, Part
from mlem.clients.connection.network import (
    END_OF_HEAD,
    MOST_HELD_BYTES,
    NO_TLS_IN_TLS,
    Timeout,
    info_of,
    mapped,
)
from mlem.clients.connection.own_thread import in_own_thread

ResultT = TypeVar("ResultT")
_CHUNK_BYTES = 1 << 16


class AsyncStream(httpcore2.AsyncNetworkStream):
    """A connection of an event loop.

    It registers with the loop only while something is awaited: anybody can close an idle one, even when its loop is
    gone.

    Args:
        sock: The socket, which does not block.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._held = b""
        self._tls: ssl.SSLObject | None = None
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()

    async def read(self, max_bytes: int, timeout: Timeout = None) -> bytes:
        """Send what is held back, and read what has arrived."""
        if self._held:
            with contextlib.suppress(httpcore2.WriteError):  # there may be an answer all the same, which says why
                await self._send(b"", timeout)
        with mapped(httpcore2.ReadTimeout, httpcore2.ReadError):
            async with asyncio.timeout(timeout.expect_time()):
                tls = self._tls
                if tls is None:
                    found = await asyncio.get_running_loop().sock_recv(self._sock, max_bytes)
                else:
                    try:
                        found = await self._by_tls(lambda: tls.read(max_bytes))
                    except ssl.SSLZeroReturnError:
                        found = b""
                timeout.done = timeout.done or bool(found)
                return found

    async def write(self, buffer: bytes, timeout: Timeout = None) -> None:
        """Write everything; the head of a request is held back for its body, so that both arrive together."""
        if not self._held and buffer.endswith(END_OF_HEAD) and len(buffer) <= MOST_HELD_BYTES:
            self._held = buffer
        else:
            await self._send(buffer, timeout)

    async def _send(self, buffer: bytes, timeout: Timeout) -> None:
        held, self._held = self._held, b""
        with mapped(httpcore2.WriteTimeout, httpcore2.WriteError):
            async with asyncio.timeout(timeout.expect_time()):
                tls = self._tls
                if tls is None:
                    if held and len(buffer) > MOST_HELD_BYTES:
                        await asyncio.get_running_loop().sock_sendall(self._sock, held)
                        held = b""
                    await asyncio.get_running_loop().sock_sendall(self._sock, held + buffer if held else buffer)
                    return
                view = memoryview(held + buffer)
                while view:
                    part = view[:_CHUNK_BYTES]
                    # the default binds the part at once
                    view = view[await self._by_tls(lambda part=part: tls.write(part)) :]  # type: ignore[misc]

    async def aclose(self) -> None:
        """Close the connection; this waits for nothing."""
        self._sock.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: Timeout = None
    ) -> httpcore2.AsyncNetworkStream:
        """Go on by TLS."""
        if self._tls is not None:
            raise httpcore2.ConnectError(NO_TLS_IN_TLS)
        with mapped(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            try:
                async with asyncio.timeout(timeout.expect_time()):
                    self._tls = ssl_context.wrap_bio(self._incoming, self._outgoing, server_hostname=server_hostname)
                    await self._by_tls(self._tls.do_handshake)
            except BaseException:
                self._sock.close()
                raise
        return self

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

    def get_extra_info(self, info: str) -> Any:
        """Return what `httpcore2` asks for."""
        return info_of(self._sock, self._tls, info)

    def __del__(self) -> None:
        self._sock.close()  # without a warning, if the client was never closed


class AsyncBackend(httpcore2.AsyncNetworkBackend):
    """Makes connections for event loops."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Timeout = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to a host."""
        with mapped(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            made = await connect(host, port, timeout)
            timeout.done = True
            return AsyncStream(made)


async def connect(host: str, port: int, deadline: Deadline | Part) -> socket.socket:
    """Connect without blocking the event loop; see `mlem.clients.connection.connecting.connect`."""
    loop = asyncio.get_running_loop()
    failed: OSError | None = None
    async with asyncio.timeout(deadline.expect_time()):
        for family, kind, protocol, address in await _addresses(host, port):
            made = socket.socket(family, kind, protocol)
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
