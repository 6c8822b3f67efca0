"""A proxy between a client and an HTTP store that does to requests what networks and servers do."""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

FAULTS = (
    "delay",  # slow
    "dropped before",  # the connection is cut before the request arrives
    "dropped after",  # the connection is cut before the answer arrives
    "duplicated",  # sent twice; the second answer is passed on
    "late",  # the connection is cut, and the request carried out some time after that
    "409 before",
    "409 after",
    "412 before",
    "412 after",
    "500 before",
    "500 after",
    "503 before",
    "503 after",
)
"""``before``: the store never sees the request; ``after``: it has carried it out."""

_CODES = {409: "ConditionalRequestConflict", 412: "PreconditionFailed", 500: "InternalError", 503: "SlowDown"}
_HOP_BY_HOP = {"connection", "expect", "keep-alive", "transfer-encoding"}


class FaultProxy:
    """Passes requests on to a store, and does one of `FAULTS` to some of them.

    Args:
        port: The store's port on 127.0.0.1.
        rate: The part of all requests that something happens to.
        seed: Makes the faults come in the same order.
        longest_s: The longest delay.

    Attributes:
        url: The proxy's own address.
        rate: As given; may be changed at any time.
        upstream: The store's port; may be changed when the store starts anew.
        counts: How many of each fault there were, and of ``none``.
    """

    def __init__(self, port: int, *, rate: float, seed: int = 0, longest_s: float = 1.0) -> None:
        self.rate = rate
        self.counts: Counter[str] = Counter()
        self.upstream = port
        self._random = random.Random(seed)  # noqa: S311  # plays dice, guards nothing
        self._longest_s = longest_s
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextlib.contextmanager
    def running(self) -> Iterator[FaultProxy]:
        """Pass requests on as long as the context lasts."""
        thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def draw(self) -> tuple[str, float]:
        """Draw the fault of the next request, and a delay in seconds."""
        fault = self._random.choice(FAULTS) if self._random.random() < self.rate else "none"
        self.counts[fault] += 1
        return fault, self._random.uniform(0, self._longest_s)

    def forward(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Send a request to the store and return its answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.upstream, timeout=60)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for key, value in headers:
                if key.lower() not in _HOP_BY_HOP:
                    connection.putheader(key, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients are killed while they ask: that is what the proxy is for."""


def _handler(proxy: FaultProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = (self.command, self.path, list(self.headers.items()), body)
            fault, delay_s = proxy.draw()
            kind, _, moment = fault.partition(" ")
            if kind == "delay":
                time.sleep(delay_s)
            elif kind == "duplicated":
                proxy.forward(*request)
            elif kind == "late":
                threading.Timer(delay_s, _ignoring(proxy.forward), request).start()
            elif moment == "after":
                proxy.forward(*request)
            if kind in ("dropped", "late"):
                self.close_connection = True
            elif kind.isdigit():
                self._refuse(int(kind))
            else:
                self._answer(*proxy.forward(*request))

        def _refuse(self, status: int) -> None:
            code = _CODES[status]
            body = (
                b""
                if self.command == "HEAD"
                else f"<Error><Code>{code}</Code><Message>a fault</Message></Error>".encode()
            )
            self._answer(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))], body)

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response_only(status)
            for key, value in headers:
                if key.lower() not in _HOP_BY_HOP:
                    self.send_header(key, value)
            if not any(key.lower() == "content-length" for key, _ in headers) and status not in (204, 304):
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # the base's name
            pass

    for method in ("GET", "PUT", "POST", "DELETE", "HEAD"):
        setattr(Handler, f"do_{method}", Handler.do_any)
    return Handler


def _ignoring(function: Any) -> Any:
    def quiet(*arguments: Any) -> None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            function(*arguments)

    return quiet
