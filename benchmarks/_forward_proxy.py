"""A small forward proxy that keeps connections on both sides: ``python _forward_proxy.py PORT``.

Every host is this machine: clients use no proxy for addresses that are named so.
"""

from __future__ import annotations

import socket
import sys
import threading
from typing import BinaryIO
from urllib.parse import urlsplit


def read_head(file: BinaryIO) -> tuple[bytes, bytes, int]:
    """Return the first line, the headers, and how long the body is; an empty line where nothing comes any more."""
    first, lines, length = file.readline(), [], 0
    while first and (line := file.readline()) != b"\r\n":
        lines.append(line)
        if line.lower().startswith(b"content-length:"):
            length = int(line[15:])
    return first, b"".join(lines), length


def passed_on(client: socket.socket) -> None:
    """Pass on the requests of a connection, and their answers."""
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server: socket.socket | None = None
    with client, client.makefile("rb", 1 << 20) as asked:
        while True:
            first, headers, length = read_head(asked)
            if not first:
                break
            verb, target, version = first.split(b" ", 2)
            parts = urlsplit(target.decode())
            if server is None:
                server = socket.create_connection(("127.0.0.1", parts.port or 80))
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                answered = server.makefile("rb", 1 << 20)
            server.sendall(
                b"".join((verb, b" ", parts.path.encode(), b" ", version, headers, b"\r\n", asked.read(length)))
            )
            first, headers, length = read_head(answered)
            client.sendall(b"".join((first, headers, b"\r\n", answered.read(length))))
    if server is not None:
        server.close()


def main() -> None:
    """Serve until the process is ended."""
    with socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=64) as listener:
        while True:
            threading.Thread(target=passed_on, args=(listener.accept()[0],), daemon=True).start()


if __name__ == "__main__":
    main()
