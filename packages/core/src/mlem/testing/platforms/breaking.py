"""`breaking`: a door before an API over TCP that is broken, for `DeploymentFixtures.broken`."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import assert_never

from mlem.testing.fixtures import BrokenKind

_DELAY_S = 1.0
"""How late what is slow begins to answer, for each connection."""
_REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def breaking(kind: BrokenKind, upstream: str | tuple[str, int]) -> Iterator[str]:
    """Listen on this machine as long as the context lasts, and answer as a broken platform does.

    Args:
        kind: ``error`` answers 503, ``silent`` nothing, ``slow`` what the platform says, a second late.
        upstream: The platform: host and port, or the path of a socket.

    Yields:
        Host and port to send requests to: ``127.0.0.1:40213``.
    """
    over = threading.Event()

    class Door(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            ours: socket.socket = self.request
            if kind == "silent":
                over.wait()
            elif kind == "error":
                ours.recv(65536)
                ours.sendall(_REFUSAL)
                ours.shutdown(socket.SHUT_WR)
                over.wait(0.2)  # so that the answer is read before what was not read of the request resets it
            elif kind == "slow":
                over.wait(_DELAY_S)
                with _connected(upstream) as theirs:
                    pump = threading.Thread(target=_pump, args=(ours, theirs), daemon=True)
                    pump.start()
                    _pump(theirs, ours)
            else:
                assert_never(kind)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            over.set()
            server.shutdown()
            thread.join()


def _connected(upstream: str | tuple[str, int]) -> socket.socket:
    if not isinstance(upstream, str):
        return socket.create_connection(upstream)
    made = socket.socket(socket.AF_UNIX)
    made.connect(upstream)
    return made


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
        sink.shutdown(socket.SHUT_WR)
