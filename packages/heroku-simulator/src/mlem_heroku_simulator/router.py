"""The router of the simulator.

Requests to an app's address go to one of its dynos, or get what Heroku's router says instead.
"""

from __future__ import annotations

import http.client
import random
import time
from urllib.parse import urlsplit

from mlem_heroku_simulator.dynos.dyno import Dyno
from mlem_heroku_simulator.limits import REQUEST_TIMEOUT_S
from mlem_heroku_simulator.platform.app_state import AppState, host_of
from mlem_heroku_simulator.platform.platform import Platform
from mlem_heroku_simulator.serving import Handler, Server

_BOOT_WAIT_S = 75.0
"""How long requests wait for a dyno that starts: H20. Source: Dev Center, "Heroku Error Codes", H20 (read 2026-11)."""

_REASONS = {
    "H10": "App crashed",
    "H12": "Request timeout",
    "H13": "Connection closed without response",
    "H14": "No web processes running",
    "H20": "App boot timeout",
    "H80": "Maintenance mode",
}
_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "proxy-authorization",
    "content-length",
}
_PAGE = b"<!DOCTYPE html><html><body><h1>Application error</h1></body></html>"
_NO_APP = b"<!DOCTYPE html><html><body><h1>There's nothing here, yet.</h1></body></html>"


class Router:
    """Routes by the host name that the API calls an app's, or by the first part of the path.

    ``http://127.0.0.1:PORT/iris-prod/`` leads to the app ``iris-prod``.

    Args:
        platform: Has the apps.
        port: The port; 0 for any free one.

    Attributes:
        request_timeout_s: How long a dyno may take to answer: H12.
    """

    def __init__(self, platform: Platform, port: int) -> None:
        self._platform = platform
        self.request_timeout_s: float = REQUEST_TIMEOUT_S
        router = self

        class RouterHandler(Handler):
            def do_GET(self) -> None:
                router.route(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = do_GET

        self._server = Server(RouterHandler, port)
        self.url = self._server.url

    def route(self, request: Handler) -> None:
        """Answer one request."""
        body = request.read_body()
        app, path = self._find(request)
        if app is None:
            request.respond(404, _NO_APP, {"Content-Type": "text/html"})
            return
        begun = time.monotonic()
        dyno, code = (None, "H80") if app.maintenance else _choose(app)
        if dyno is not None:
            code = self._forward(request, dyno, path, body)
        service_ms = int((time.monotonic() - begun) * 1000)
        where = f'path="{path}" host={host_of(app)} dyno={dyno.name if dyno else ""}'
        line = f"method={request.command} {where} service={service_ms}ms"
        if code is None:
            app.log.write("heroku", "router", f"at=info {line}")
            return
        at = "info" if code == "H80" else "error"  # somebody wanted it
        app.log.write("heroku", "router", f'at={at} code={code} desc="{_REASONS[code]}" {line} status=503')
        request.respond(503, _PAGE, {"Content-Type": "text/html"})

    def _find(self, request: Handler) -> tuple[AppState | None, str]:
        host = (request.headers.get("Host") or "").partition(":")[0]
        parts = urlsplit(request.path)
        first, _, rest = parts.path.lstrip("/").partition("/")
        path = f"/{rest}{f'?{parts.query}' if parts.query else ''}"
        with self._platform.lock:
            for app in self._platform.apps.values():
                if host == host_of(app):
                    return app, request.path
                if first == app.name:
                    return app, path
        return None, path

    def _forward(self, request: Handler, dyno: Dyno, path: str, body: bytes) -> str | None:
        """Send a request to a dyno and its answer back.

        Return a code when there is none.
        """
        connection = http.client.HTTPConnection("127.0.0.1", dyno.port, timeout=self.request_timeout_s)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        try:
            connection.request(
                request.command, path, body=body or None, headers={**headers, "X-Forwarded-Proto": "https"}
            )
            answer = connection.getresponse()
            content = answer.read()
        except TimeoutError:
            return "H12"
        except (OSError, http.client.HTTPException):
            return "H13"
        finally:
            connection.close()
        request.respond(
            answer.status,
            content,
            {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP},
        )
        return None

    def close(self) -> None:
        """End it."""
        self._server.stop()


def _choose(app: AppState) -> tuple[Dyno | None, str | None]:
    """Choose a dyno at random, as Heroku does.

    A request waits for one that starts.
    """
    deadline = time.monotonic() + _BOOT_WAIT_S
    while True:
        dynos = list(app.dynos)
        up = [dyno for dyno in dynos if dyno.state == "up"]
        if up:
            return random.choice(up), None  # noqa: S311  # spreads load
        if not dynos:
            return None, "H14"
        starting = [dyno for dyno in dynos if dyno.state == "starting"]
        if not starting:
            return None, "H10"
        if time.monotonic() > deadline:
            return None, "H20"
        starting[0].wait_while_starting(0.5)
