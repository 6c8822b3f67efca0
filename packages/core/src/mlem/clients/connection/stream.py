"""`Stream`: the bytes of a connection for a thread; every step keeps to the deadline of the whole call."""

from __future__ import annotations

import select
import socket
import ssl
from typing import Self

from mlem.clients.connection.connecting import connect
from mlem.clients.connection.deadline import Deadline

JOINED_BYTES = 65536
"""A body up to here goes out in one piece with its head, so that both arrive together."""
MORE = getattr(socket, "MSG_MORE", 0)
"""Linux sends what is marked so together with what follows; elsewhere it goes by itself."""


class Stream:
    """A connection of a thread.

    Args:
        sock: The socket.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    @classmethod
    def open(cls, host: str, port: int, deadline: Deadline) -> Self:
        """Connect to a host; see `mlem.clients.connection.connecting.connect`."""
        return cls(connect(host, port, deadline))

    def start_tls(self, context: ssl.SSLContext, host: str, deadline: Deadline) -> None:
        """Go on by TLS."""
        self._sock.settimeout(deadline.expect_time())
        self._sock = context.wrap_socket(self._sock, server_hostname=host)

    def send(self, head: bytes, body: bytes, deadline: Deadline) -> None:
        """Send a request."""
        self._sock.settimeout(deadline.expect_time())
        if isinstance(self._sock, ssl.SSLSocket):
            view = memoryview(head + body)
            while view:  # its `sendall` gives each piece the whole time
                self._sock.settimeout(deadline.expect_time())
                view = view[self._sock.send(view) :]
        elif len(body) <= JOINED_BYTES:
            self._sock.sendall(head + body)
        else:
            self._sock.sendall(head, MORE)
            self._sock.settimeout(deadline.expect_time())
            self._sock.sendall(body)

    def read(self, most_bytes: int, deadline: Deadline) -> bytes:
        """Return what has arrived; empty when the other side has closed the connection."""
        self._sock.settimeout(deadline.expect_time())
        return self._sock.recv(most_bytes)

    def read_into(self, view: memoryview, deadline: Deadline) -> int:
        """Read what has arrived, and return its length; 0 when the other side has closed the connection."""
        self._sock.settimeout(deadline.expect_time())
        return self._sock.recv_into(view)

    def is_quiet(self) -> bool:
        """Say whether nothing has arrived, and the other side has not closed the connection."""
        pending = self._sock.pending() if isinstance(self._sock, ssl.SSLSocket) else 0
        return not pending and not readable(self._sock)

    def close(self) -> None:
        """Close the connection."""
        self._sock.close()


def readable(sock: socket.socket) -> bool:
    """Say whether something has arrived at a socket, or it was closed by either side."""
    if sock.fileno() < 0:
        return True
    if not hasattr(select, "poll"):
        return bool(select.select([sock], [], [], 0)[0])
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))
