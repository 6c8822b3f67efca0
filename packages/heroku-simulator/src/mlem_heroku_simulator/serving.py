"""HTTP servers of the simulator: on the loopback address, a thread for each connection."""

from __future__ import annotations

import errno
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mlem import ConflictError


class Handler(BaseHTTPRequestHandler):
    """Handles requests quietly, with connections that stay open."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""

    def read_body(self) -> bytes:
        """Read the request's body."""
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def respond(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        """Send an answer."""
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Server(ThreadingHTTPServer):
    """A server in the background.

    Args:
        handler: Handles the requests.
        port: The port; 0 for any free one.

    Raises:
        ConflictError: Something else listens there.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, handler: type[Handler], port: int = 0) -> None:
        try:
            super().__init__(("127.0.0.1", port), handler)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            hint = "another simulator may run: end it, or take other ports, as --api-port 0 --router-port 0 does"
            raise ConflictError(f"port {port} is in use", code="port-in-use", hint=hint) from error
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="simulator", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that went away."""
        import sys
        import traceback

        if not isinstance(sys.exception(), OSError):
            traceback.print_exc()

    def stop(self) -> None:
        """End it."""
        self.shutdown()
        self.server_close()
        self._thread.join(10)
