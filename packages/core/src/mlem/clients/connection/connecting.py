"""From a host's name to a connected socket, within a deadline."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Any

from mlem.clients.connection.deadline import Deadline

Found = tuple[int, int, int, Any]
"""Family, kind and protocol of a socket, and the address to connect it to."""


class QuietSocket(socket.socket):
    """A socket that nobody has to close: it closes without a warning, whatever is collected with it."""

    def __del__(self) -> None:
        self.close()


class QuietTls(ssl.SSLSocket):
    """The same for TLS."""

    def __del__(self) -> None:
        self.close()


def connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Connect to the first address of a host that answers.

    Args:
        host: Its name or address.
        port: The port.
        deadline: When it must be done.

    Raises:
        TimeoutError: There was no answer in time.
        OSError: The name is unknown, or no address could be connected to.
    """
    failed: OSError | None = None
    for family, kind, protocol, address in _addresses(host, port, deadline):
        made = QuietSocket(family, kind, protocol)
        try:
            made.settimeout(deadline.expect_time())
            made.connect(address)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made
        except BaseException as error:
            made.close()
            if not isinstance(error, OSError) or deadline.left_s() <= 0:
                raise
            failed = error
    raise failed or OSError(f"{host} has no address")


def _addresses(host: str, port: int, deadline: Deadline) -> list[Found]:
    if is_address(host):
        return look_up(host, port)
    from mlem.clients.connection.own_thread import in_own_thread

    return in_own_thread(lambda: look_up(host, port)).result(deadline.expect_time())


def look_up(host: str, port: int) -> list[Found]:
    """Return the addresses of a host, which may take some time.

    Raises:
        OSError: The name is unknown.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from error
    return [(family, kind, protocol, address) for family, kind, protocol, _, address in found]


def is_address(host: str) -> bool:
    """Say whether a host is named by its address."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, ValueError):
            socket.inet_pton(family, host.partition("%")[0])
            return True
    return False
