"""What a server says of itself, whatever its models are: whether it lives, and its numbers."""

from __future__ import annotations

from mlem_server.http.request import Handler, Reply, Request
from mlem_server.http.response import Response, json_response
from mlem_server.http.routes import Route, always
from mlem_server.protocols.kserve_binary import EXTENSION
from mlem_server.telemetry.metrics import Metrics


def basic_routes(metrics: Metrics) -> tuple[Route, ...]:
    """Return the table of ``/healthz`` and ``/metrics``.

    Args:
        metrics: What ``/metrics`` has.
    """

    def numbers(request: Request, reply: Reply) -> None:
        text, content_type = metrics.text(request.headers.get(b"accept", b""))
        reply(Response(200, text, content_type))

    return (
        Route("GET", "/healthz", always(json_response({"status": "alive"})), public=True),
        Route("GET", "/metrics", numbers),
    )


def kserve_routes(version: str, ready: Handler) -> tuple[Route, ...]:
    """Return what KServe's protocol asks of a server; see `mlem_server.protocols.kserve`.

    Args:
        version: The server's version.
        ready: Answers whether all models may be asked.
    """
    server = {"name": "mlem-server", "version": version, "extensions": [EXTENSION]}
    return (
        Route("GET", "/v2", always(json_response(server))),
        Route("GET", "/v2/health/live", always(json_response({"live": True})), public=True),
        Route("GET", "/v2/health/ready", ready, public=True),
    )
