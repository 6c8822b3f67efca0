"""What connections are made of, for `httpcore2`.

Sockets on which every step keeps to the deadline of the whole call.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore2

from mlem.clients.connection.connecting import connect

NO_TLS_IN_TLS = "a connection by TLS inside of another is not supported"
END_OF_HEAD = b"\r\n\r\n"
MOST_HELD_BYTES = 65536
MORE = getattr(socket, "MSG_MORE", 0)
"""Linux sends what is marked so together with what follows; elsewhere it goes by itself."""
Timeout = Any
"""What `httpcore2` passes on as a timeout: the `Part` that came with the request."""


@contextlib.contextmanager
def mapped(timed_out: type[Exception], failed: type[Exception]) -> Iterator[None]:
    """Raise the errors of `httpcore2` for those of a socket."""
    try:
        yield
    except TimeoutError as error:
        raise timed_out(str(error)) from error
    except OSError as error:
        raise failed(str(error)) from error


class Stream(httpcore2.NetworkStream):
    """A connection of a thread.

    Args:
        sock: The socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._held = b""

    def read(self, max_bytes: int, timeout: Timeout = None) -> bytes:
        """Send what is held back, and read what has arrived."""
        if self._held:
            with contextlib.suppress(httpcore2.WriteError):  # there may be an answer all the same, which says why
                self._send(b"", timeout)
        with mapped(httpcore2.ReadTimeout, httpcore2.ReadError):
            self._sock.settimeout(timeout.expect_time())
            found = self._sock.recv(max_bytes)
            timeout.done = timeout.done or bool(found)
            return found

    def write(self, buffer: bytes, timeout: Timeout = None) -> None:
        """Write everything; the head of a request is held back for its body, so that both arrive together."""
        if not self._held and buffer.endswith(END_OF_HEAD) and len(buffer) <= MOST_HELD_BYTES:
            self._held = buffer
        else:
            self._send(buffer, timeout)

    def _send(self, buffer: bytes, timeout: Timeout) -> None:
        with mapped(httpcore2.WriteTimeout, httpcore2.WriteError):
            held, self._held = self._held, b""
            if held and len(buffer) > MOST_HELD_BYTES and not isinstance(self._sock, ssl.SSLSocket):
                self._sock.settimeout(timeout.expect_time())
                self._sock.sendall(held, MORE)
                held = b""
            view = memoryview(held + buffer if held else buffer)
            while view:
                self._sock.settimeout(timeout.expect_time())
                view = view[self._sock.send(view) :]

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: Timeout = None
    ) -> httpcore2.NetworkStream:
        """Go on by TLS."""
        if isinstance(self._sock, ssl.SSLSocket):
            raise httpcore2.ConnectError(NO_TLS_IN_TLS)
        with mapped(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            try:
                self._sock.settimeout(timeout.expect_time())
                self._sock = ssl_context.wrap_socket(self._sock, server_hostname=server_hostname)
            except BaseException:
                self.close()
                raise
        return self

    def get_extra_info(self, info: str) -> Any:
        """Return what `httpcore2` asks for."""
        return info_of(self._sock, None, info)

    def __del__(self) -> None:
        self._sock.close()  # without a warning, if the client was never closed


class Backend(httpcore2.NetworkBackend):
    """Makes connections for threads."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: Timeout = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to a host."""
        with mapped(httpcore2.ConnectTimeout, httpcore2.ConnectError):
            made = connect(host, port, timeout)
            timeout.done = True
            return Stream(made)


def info_of(sock: socket.socket, tls: ssl.SSLObject | None, info: str) -> Any:
    """Return what `httpcore2` asks about a connection: whether the other side closed it, and what TLS negotiated."""
    if info == "is_readable":
        return _readable(sock)
    if info == "ssl_object":
        return tls if tls is not None else sock if isinstance(sock, ssl.SSLSocket) else None
    return sock if info == "socket" else None


def _readable(sock: socket.socket) -> bool:
    import select

    if sock.fileno() < 0:
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
