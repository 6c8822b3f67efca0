from __future__ import annotations

from mlem_model.data.formats.binary import NPY
from mlem_server.http.routes import Route
from mlem_server.inference.readiness import Health
from mlem_server.inference.service import CallService
from mlem_server.protocols.native import Native
from mlem_server.protocols.server import basic_routes
from mlem_server.telemetry.metrics import Metrics


def row(route: Route) -> tuple[str, str, str, bool, bool]:
    return route.method, route.path, route.name, route.public, route.calls


def test_the_table_has_the_server_and_each_method_of_the_model(
    service: CallService, health: Health, metrics: Metrics
) -> None:
    table = [*basic_routes(metrics), *Native(service, dict, health).routes()]
    assert [row(route) for route in table] == [
        ("GET", "/healthz", "", True, False),
        ("GET", "/metrics", "", False, False),
        ("GET", "/interface.json", "", False, False),
        ("GET", "/readyz", "", True, False),
        ("POST", "/predict", "predict", False, True),
        ("POST", "/metrics", "metrics", False, True),
    ]
    assert [NPY in route.media_types for route in table] == [False] * 4 + [True] * 2
