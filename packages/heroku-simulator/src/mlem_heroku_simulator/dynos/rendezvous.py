"""`Rendezvous`: where ``heroku run`` meets the dyno that it started, over TLS."""

from __future__ import annotations

import secrets
import socket
import socketserver
import ssl
import threading
from pathlib import Path

from mlem_heroku_simulator.dynos.one_off import OneOff

_END_TIMEOUT_S = 10


class Rendezvous(socketserver.ThreadingTCPServer):
    """Gives a one-off dyno's output to whoever knows its secret.

    The dyno starts when somebody is there.

    Source: heroku/cli, ``src/lib/run/dyno.ts``: the client sends the path of the URL and a line end, leaves the first
    line of the answer out, and takes the rest as output (read 2026-11).

    Args:
        certificate: A PEM file with a key and a certificate for 127.0.0.1, which the client has to trust.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, certificate: Path) -> None:
        self._waiting: dict[str, OneOff] = {}
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        super().__init__(("127.0.0.1", 0), _Meeting)
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="rendezvous", daemon=True
        )
        self._thread.start()

    def expect(self, dyno: OneOff) -> str:
        """Wait for somebody who wants a dyno's output.

        Return the URL that is for them alone.
        """
        secret = secrets.token_urlsafe(24)
        self._waiting[secret] = dyno
        return f"rendezvous://127.0.0.1:{self.server_address[1]}/{secret}"

    def meet(self, secret: str) -> OneOff | None:
        """Return the dyno of a secret, once."""
        return self._waiting.pop(secret, None)

    def secure(self, connection: object) -> ssl.SSLSocket:
        """Begin TLS."""
        return self._tls.wrap_socket(connection, server_side=True)  # type: ignore[arg-type]  # a socket: the base class says Any

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away, or do not trust the certificate."""

    def stop(self) -> None:
        """End it."""
        self.shutdown()
        self.server_close()
        self._thread.join(10)


class _Meeting(socketserver.BaseRequestHandler):
    server: Rendezvous

    def handle(self) -> None:
        with self.server.secure(self.request) as connection:
            dyno = self.server.meet(connection.makefile("r").readline().strip())
            if dyno is None:
                return
            connection.sendall(b"rendezvous\r\n")
            dyno.run(lambda line: connection.sendall(f"{line}\r\n".encode()))
            # what the client sent as input is read before the end: closed under it, the connection would be reset
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(_END_TIMEOUT_S)
            while connection.recv(4096):
                pass
