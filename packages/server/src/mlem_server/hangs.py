"""Hangs: how long the model has been at one thing, measured so that a process which was paused meanwhile is not to blame."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlem_server.http.errors import HttpError
from mlem_server.process.heartbeat import PatientClock
from mlem_server.readiness import READY, Readiness

if TYPE_CHECKING:
    from mlem_server.dispatch import Dispatcher, Job
    from mlem_server.telemetry.metrics import Metrics

log = logging.getLogger("mlem.server")


class Patience:
    """How long the model's thread has been at one thing.

    Attributes:
        at_work_s: So long, in seconds; 0 when it is at nothing.
    """

    def __init__(self) -> None:
        self._clock = PatientClock()
        self._mark: object | None = None
        self._left: dict[Job, float] = {}
        self.at_work_s = 0.0

    def look(self, mark: object | None, left: Iterable[Job]) -> None:
        """Look at the thread.

        Args:
            mark: What stays the same while it is at one thing; None when it is at nothing.
            left: What goes on, though it was cancelled.
        """
        step_s = self._clock.step_s()
        self.at_work_s = self.at_work_s + step_s if mark is not None and mark == self._mark else 0.0
        self._mark = mark
        self._left = {job: self._left.get(job, -step_s) + step_s for job in left}

    def longest_left(self) -> tuple[Job | None, float]:
        """Return what was cancelled longest ago, and how many seconds ago."""
        return max(self._left.items(), key=lambda item: item[1], default=(None, 0.0))


@dataclass(frozen=True, slots=True)
class Stuck:
    """What the model has been at for a while.

    Attributes:
        jobs: The calls; several that were joined.
        seconds: How long.
        where: Where it is, or what tells it.
    """

    jobs: Sequence[Job | None]
    seconds: float
    where: str | Callable[[], str]

    def facts(self) -> dict[str, str]:
        """Return the first call's request and method, as the log has them."""
        job = self.jobs[0] if self.jobs else None
        if job is None or job.origin is None:
            return {}
        return {"request_id": job.origin.id, "route": job.origin.route}

    def __str__(self) -> str:
        facts = self.facts()
        if not facts:
            return "the model"
        others = f" and {len(self.jobs) - 1} that were joined with it" if len(self.jobs) > 1 else ""
        return f"request {facts['request_id']}{others}: {facts['route']}"


class HangWatch:
    """Tells what takes too long, and says when the model is to be given up.

    Args:
        late_s: How long a caller may wait: what takes longer is told, and the server is not ready meanwhile.
        bound_s: How long a call may take before the model counts as hanging; 0 for ever.
        metrics: Where both are counted.

    Attributes:
        on_look: Called now and then while the event loop works and the model is loaded.
        on_hang: Called when the model hangs, after its callers were told.
    """

    def __init__(self, late_s: float, bound_s: float, metrics: Metrics) -> None:
        self._late_s = late_s
        self._bound_s = bound_s
        self._metrics = metrics
        self._late = False
        self.on_look: Callable[[], None] = lambda: None
        self.on_hang: Callable[[], None] = lambda: None

    def look(self, before: Readiness, dispatcher: Dispatcher) -> Readiness:
        """Return how ready the model is, having told what is new; answer everybody when it hangs.

        Args:
            before: How ready it was.
            dispatcher: Where it is called.
        """
        if before.status not in ("loading", "failed"):
            self.on_look()
        if before.status not in ("ready", "busy"):
            return before
        found = self._judge(dispatcher.stuck())
        if found.status == "hanging":
            dispatcher.give_up(_given_up)
            self.on_hang()
        return found

    def _judge(self, stuck: Stuck | None) -> Readiness:
        if stuck is None or stuck.seconds <= self._late_s:
            if self._late:
                log.info("the model has come back: ready again")
            self._late = False
            return READY
        if self._bound_s and stuck.seconds > self._bound_s:
            return self._hangs(stuck)
        if not self._late:
            self._late = True
            self._metrics.late()
            log.warning(
                "%s has been at work for %.3g s, longer than a caller may wait: not ready until it ends",
                stuck, stuck.seconds, extra={"facts": stuck.facts()},
            )  # fmt: skip
        return Readiness("busy", f"the model has been at one call for more than {self._late_s:g} s")

    def _hangs(self, stuck: Stuck) -> Readiness:
        self._metrics.hangs()
        where = stuck.where if isinstance(stuck.where, str) else stuck.where()
        log.error("%s hangs, after %.3g s of work (--hang-timeout-s %g): this process ends, to be started again; it is at\n%s",
                  stuck, stuck.seconds, self._bound_s, where, extra={"facts": stuck.facts()})  # fmt: skip
        return Readiness("hanging", f"the model hangs: it has been at one call for more than {self._bound_s:g} s")


def _given_up() -> HttpError:
    return HttpError(503, "model-hangs", "the model hangs, and the server is started again", headers={"retry-after": "1"})
