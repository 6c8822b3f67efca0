"""`ModelNumbers`: what is counted of one model, by its name: another one that takes its place goes on counting."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Protocol

from mlem_server.telemetry.families import Families
from mlem_server.telemetry.tallies import TalliedHistogram, Tally


class Waiting(Protocol):
    """A call that waited for the model."""

    @property
    def submitted(self) -> float:
        """Since when, in seconds of the monotonic clock."""


class ModelNumbers:
    """The numbers of one model.

    Args:
        name: Its name.
        families: What is counted.
        routes: Names of routes that do not depend on the model.
    """

    def __init__(self, name: str, families: Families, routes: Collection[str]) -> None:
        self._name = name
        self._families = families
        self._own_routes, self._routes = tuple(routes), frozenset(routes)
        self._seconds: dict[str, TalliedHistogram] = {}
        self._queue: TalliedHistogram = families.queue.labels(name)
        self._calls: TalliedHistogram = families.calls.labels(name)
        self._in_flight = families.in_flight.labels(name)
        self._late, self._hangs = families.late.labels(name), families.hangs.labels(name)
        self._answered: dict[tuple[str, int], Tally] = {}
        self._bins: dict[tuple[str, str], set[str]] = {}
        self._running = 0
        self._digest = ""

    def serve(self, digest: str, methods: Iterable[str]) -> None:
        """Note the model that is served from now on.

        Args:
            digest: Its digest.
            methods: Its methods: only these and the server's own routes become labels; callers can't invent more.
        """
        self._routes = frozenset((*methods, *self._own_routes))
        for route in self._routes - self._seconds.keys():
            self._seconds[route] = self._families.seconds.labels(self._name, route)
        if self._digest:
            self._families.info.labels(self._name, self._digest).set(0)
        self._digest = digest
        self._families.info.labels(self._name, digest).set(1)

    def loaded(self, seconds: float) -> None:
        """Note how long loading the model took."""
        self._families.load.labels(self._name).set(seconds)

    def began(self) -> None:
        """Count a call that is being answered."""
        self._running += 1

    def ended(self) -> None:
        """Count one less."""
        self._running -= 1

    def late(self) -> None:
        """Count a call that takes longer than a caller may wait."""
        self._late.inc()

    def hangs(self) -> None:
        """Count a call that is given up."""
        self._hangs.inc()

    def called(self, jobs: Sequence[Waiting], now: float) -> None:
        """Note calls that go to the model as one.

        Args:
            jobs: The calls.
            now: The time, in seconds of the monotonic clock.
        """
        self._calls.add(len(jobs))
        for job in jobs:
            self._queue.add(now - job.submitted)

    def answered(self, route: str, status: int, seconds: float, trace_id: str = "") -> None:
        """Note an answer.

        Args:
            route: What gave it; anything unknown counts as ``other``.
            status: Its status.
            seconds: What it took.
            trace_id: The trace that it belongs to; empty for none.
        """
        counter = self._answered.get((route, status))
        if counter is None:
            known = route if route in self._routes else "other"
            counter = self._answered[route if known == route else "", status] = Tally(
                self._families.requests.labels(self._name, known, str(status))
            )
        counter.count += 1
        if status == 200 and route in self._seconds:
            self._seconds[route].add(seconds, trace_id)

    def inputs(self, method: str, column: str, counts: Mapping[str, int]) -> None:
        """Count values of a column of what a method takes by bin; may be called on any thread."""
        for name, count in counts.items():
            self._families.inputs.labels(self._name, method, column, name).inc(count)

    def expect(self, method: str, column: str, shares: Mapping[str, float]) -> None:
        """Note the share of each bin in the sample data.

        Those of a model that another one has replaced have none from then on.
        """
        bins = self._bins.setdefault((method, column), set())
        bins.update(shares)
        for name in bins:
            self._families.expected.labels(self._name, method, column, name).set(shares.get(name, 0.0))
            self._families.inputs.labels(self._name, method, column, name)  # from now on it is there, with 0

    def looked_at(self, outcome: str) -> None:
        """Count a call whose inputs were to be counted; may be called on any thread.

        Args:
            outcome: ``counted``, ``skipped`` or ``failed``.
        """
        self._families.looked_at.labels(self._name, outcome).inc()

    def hand_over(self) -> None:
        """Hand what was gathered to the library."""
        self._in_flight.set(self._running)
        for histogram in (self._calls, self._queue, *self._seconds.values()):
            histogram.hand_over()
        for answered in self._answered.values():
            answered.hand_over()
