"""What protocols are tested with: the calls of a model with two methods, without a server."""

from __future__ import annotations

import numpy
import pytest

from mlem_model.data.types.any import infer
from mlem_model.models.model import Argument, Method
from mlem_server.decoding.threads import DecodingThreads
from mlem_server.http.body_budget import BodyBudget
from mlem_server.inference.dispatching.dispatch import Dispatcher
from mlem_server.inference.endpoint import Endpoint
from mlem_server.inference.error_mapping import ErrorMapping
from mlem_server.inference.readiness import Health
from mlem_server.inference.service import CallService
from mlem_server.telemetry.metrics import Metrics

ROWS = Argument(name="X", data_type=infer(numpy.zeros((2, 2))))
METHODS = {name: Method(name=name, args=(ROWS,), returns=infer(numpy.zeros(2))) for name in ("predict", "metrics")}


@pytest.fixture
def metrics() -> Metrics:
    found = Metrics([])
    found.of("iris").serve("d1", METHODS)
    return found


@pytest.fixture
def service(metrics: Metrics) -> CallService:
    endpoints = {name: Endpoint(name, method) for name, method in METHODS.items()}
    return CallService(
        endpoints,
        Dispatcher(8),
        metrics.of("iris"),
        ErrorMapping(metrics, hide_model_errors=False),
        BodyBudget(2**20),
        DecodingThreads(),
    )


@pytest.fixture
def health() -> Health:
    return Health("d1")
