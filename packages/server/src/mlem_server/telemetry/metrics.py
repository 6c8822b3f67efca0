"""`Metrics`: what ``GET /metrics`` reports, in Prometheus' text format or in OpenMetrics."""

from __future__ import annotations

import os
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.openmetrics import exposition as openmetrics

from mlem_server.http.negotiation import preferred
from mlem_server.telemetry.families import Families
from mlem_server.telemetry.model_numbers import ModelNumbers
from mlem_server.telemetry.tallies import Tally
from mlem_server.telemetry.worker_numbers import MULTIPROCESS_VARIABLE

PLAIN, OPEN = "text/plain", "application/openmetrics-text"
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
OPEN_CONTENT_TYPE = b"application/openmetrics-text; version=1.0.0; charset=utf-8"


class Metrics:
    """The numbers of one server.

    Args:
        routes: Names of routes that each model has besides its methods.
    """

    def __init__(self, routes: Sequence[str]) -> None:
        self._registry = CollectorRegistry()
        self._routes = tuple(routes)
        self._families = Families(self._registry)
        self._models: dict[str, ModelNumbers] = {}
        self._others: dict[int, Tally] = {}
        self._shared = MULTIPROCESS_VARIABLE in os.environ

    def of(self, model: str) -> ModelNumbers:
        """Return the numbers of a model.

        Args:
            model: Its name.
        """
        if model not in self._models:
            self._models[model] = ModelNumbers(model, self._families, self._routes)
        return self._models[model]

    def loop_was_late(self, seconds: float) -> None:
        """Note by how much the event loop was late: a long delay keeps everybody waiting."""
        self._families.loop_late.add(max(0.0, seconds))

    def answered(self, status: int) -> None:
        """Note an answer to a request that asked no model.

        Args:
            status: Its status.
        """
        if status not in self._others:
            self._others[status] = Tally(self._families.requests.labels("", "other", str(status)))
        self._others[status].count += 1

    def share(self) -> None:
        """Hand over what was gathered if there are other workers: one may be asked for it in the next moment."""
        if self._shared:
            self.hand_over()

    def rejected(self, reason: str) -> None:
        """Note a refusal.

        Args:
            reason: The code of the error.
        """
        self._families.rejected.labels(reason).inc()

    def recorded(self, outcome: str, calls: int) -> None:
        """Count calls that were to be recorded; may be called on any thread.

        Args:
            outcome: ``written``, ``dropped`` or ``failed``.
            calls: How many.
        """
        self._families.recorded.labels(outcome).inc(calls)

    def hand_over(self) -> None:
        """Hand what was gathered to the library."""
        self._families.loop_late.hand_over()
        for numbers in self._models.values():
            numbers.hand_over()
        for answered in self._others.values():
            answered.hand_over()

    def text(self, accept: bytes = b"") -> tuple[bytes, bytes]:
        """Return the page, and its media type; OpenMetrics, which has the examples, where the caller prefers it.

        Args:
            accept: The request's header of this name.
        """
        self.hand_over()
        registry = self._registry
        if self._shared:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # the library leaves it without types
        if preferred(accept, (PLAIN, OPEN), PLAIN) == PLAIN:
            return generate_latest(registry), CONTENT_TYPE
        text: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]  # as above
        return text, OPEN_CONTENT_TYPE
