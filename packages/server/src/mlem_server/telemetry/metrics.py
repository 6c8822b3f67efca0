"""`Metrics`: what ``GET /metrics`` reports, in Prometheus' text format.

With several workers each keeps its numbers in files in a folder, and any of them reports the sum. The files are named
after the worker's slot, not after its process: its successor goes on counting in them, and there are never more files.
Source: https://prometheus.github.io/client_python/multiprocess/ (read 2026-11).
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.openmetrics import exposition as openmetrics

from mlem_server.http.negotiation import preferred
from mlem_server.process.exit_codes import exit_label
from mlem_server.telemetry.tallies import TalliedHistogram, Tally

log = logging.getLogger("mlem.server")

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PLAIN, OPEN = "text/plain", "application/openmetrics-text"
CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
OPEN_CONTENT_TYPE = b"application/openmetrics-text; version=1.0.0; charset=utf-8"

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_LATE = (0.001, 0.01, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CALLS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_FOLDERS = (None, "/dev/shm")  # noqa: S108  # the usual ones, then memory, the only one if the root is read-only
_WATCHING = "watching"


def keep_under(slot: int | str) -> None:
    """Keep this process's numbers in files with a name of its own; to be called before there are any.

    Args:
        slot: A name that no other process has at the same time.
    """
    if MULTIPROCESS_VARIABLE in os.environ:
        # the library has no types
        values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def shared_folder() -> Iterator[Path | None]:
    """Make the folder in which workers keep their numbers, and remove it at the end.

    None where no file can be written.
    """
    for parent in _FOLDERS:
        try:
            folder = tempfile.TemporaryDirectory(prefix="mlem-metrics-", dir=parent, ignore_cleanup_errors=True)
        except OSError:
            continue
        with folder as name:
            yield Path(name)
        return
    log.warning(
        "no folder can be written to, not even /dev/shm: /metrics reports the numbers of one worker; "
        "mount a tmpfs on /tmp to get the sum"
    )
    yield None


def forget_live(slot: int, folder: Path) -> None:
    """Forget the current values of a worker that has ended, such as calls in flight.

    Args:
        slot: The worker's.
        folder: Where the numbers are kept.
    """
    with contextlib.suppress(OSError):
        mark_process_dead(slot, str(folder))  # type: ignore[no-untyped-call]  # the library leaves it without types


class WorkerExits:
    """The ends of workers, counted by the process that watches them.

    Args:
        folder: Where the numbers are kept.
    """

    def __init__(self, folder: Path) -> None:
        os.environ[MULTIPROCESS_VARIABLE] = str(folder)
        keep_under(_WATCHING)
        self._ends = Counter(
            "mlem_worker_ends",
            "Workers that have ended, by exit code or signal.",
            ["how"],
            registry=CollectorRegistry(),
        )

    def count(self, code: int) -> None:
        """Count one.

        Args:
            code: Its exit code, negative for a signal.
        """
        self._ends.labels(exit_label(code)).inc()


class Waiting(Protocol):
    """A call that waited for the model."""

    @property
    def submitted(self) -> float:
        """Since when, in seconds of the monotonic clock."""


class Metrics:
    """The numbers of one server.

    Args:
        routes: Names of routes that do not depend on the model.
    """

    def __init__(self, routes: Sequence[str]) -> None:
        self._registry = registry = CollectorRegistry()
        self._own_routes, self._routes = tuple(routes), frozenset(routes)
        self._requests = Counter(
            "mlem_requests", "Requests, by what answered and status.", ["method", "code"], registry=registry
        )
        self._rejected = Counter(
            "mlem_rejected", "Requests that were refused, by reason.", ["reason"], registry=registry
        )
        self._seconds_of = TalliedHistogram(
            "mlem_request_seconds",
            "From the head of a request to its answer.",
            ["method"],
            registry=registry,
            buckets=_SECONDS,
        )
        self._seconds: dict[str, TalliedHistogram] = {}
        self._queue = TalliedHistogram(
            "mlem_queue_seconds", "What a call waited for the model.", registry=registry, buckets=_SECONDS
        )
        self._loop_late = TalliedHistogram(
            "mlem_loop_late_seconds",
            "By how much the event loop is late, several times a second.",
            registry=registry,
            buckets=_LATE,
        )
        self._calls = TalliedHistogram(
            "mlem_batch_calls", "Calls that went to the model as one.", registry=registry, buckets=_CALLS
        )
        self._in_flight = Gauge(
            "mlem_in_flight", "Calls that are being answered.", registry=registry, multiprocess_mode="livesum"
        )
        self._late = Counter(
            "mlem_late_calls", "Calls of the model that took longer than a caller may wait.", registry=registry
        )
        self._hangs = Counter(
            "mlem_hangs", "Calls that were given up, with the process that they had.", registry=registry
        )
        self._load = Gauge(
            "mlem_load_seconds", "What loading the model took.", registry=registry, multiprocess_mode="max"
        )
        self._info = Gauge(
            "mlem_model_info",
            "The model that is served.",
            ["name", "digest"],
            registry=registry,
            multiprocess_mode="max",
        )
        self._model: tuple[str, str] | None = None
        self._answered: dict[tuple[str, int], Tally] = {}
        self._running = 0
        self._shared = MULTIPROCESS_VARIABLE in os.environ

    def serve(self, name: str, digest: str, methods: Iterable[str]) -> None:
        """Note the model that is served from now on.

        Args:
            name: Its name.
            digest: Its digest.
            methods: Its methods: only these and the server's own routes become labels; callers can't invent more.
        """
        self._routes = frozenset((*methods, *self._own_routes))
        for route in self._routes - self._seconds.keys():
            self._seconds[route] = self._seconds_of.labels(route)
        if self._model is not None:
            self._info.labels(*self._model).set(0)
        self._model = (name, digest)
        self._info.labels(name, digest).set(1)

    def loaded(self, seconds: float) -> None:
        """Note how long loading the model took."""
        self._load.set(seconds)

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

    def loop_was_late(self, seconds: float) -> None:
        """Note by how much the event loop was late: a long delay keeps everybody waiting."""
        self._loop_late.add(max(0.0, seconds))

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
                self._requests.labels(known, str(status))
            )
        counter.count += 1
        if status == 200 and route in self._seconds:
            self._seconds[route].add(seconds, trace_id)
        if self._shared:  # another worker may be asked for it in the next moment
            self.hand_over()

    def rejected(self, reason: str) -> None:
        """Note a refusal.

        Args:
            reason: The code of the error.
        """
        self._rejected.labels(reason).inc()

    def hand_over(self) -> None:
        """Hand what was gathered to the library."""
        self._in_flight.set(self._running)
        for histogram in (self._calls, self._queue, self._loop_late, *self._seconds.values()):
            histogram.hand_over()
        for answered in self._answered.values():
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
