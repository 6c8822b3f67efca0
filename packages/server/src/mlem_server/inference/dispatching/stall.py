"""How long the model has been busy with one thing, not counting the time in which the process was paused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from mlem_server.inference.dispatching.jobs import Job
from mlem_server.process.heartbeat import CappedClock


class StallTimer:
    """How long the model's thread has been busy with one thing.

    Attributes:
        at_work_s: The time, in seconds; 0 when it is idle.
    """

    def __init__(self) -> None:
        self._clock = CappedClock()
        self._mark: object | None = None
        self._left: dict[Job, float] = {}
        self.at_work_s = 0.0

    def look(self, mark: object | None, left: Iterable[Job]) -> None:
        """Look at the thread.

        Args:
            mark: What stays the same while it does one thing; None when it is idle.
            left: What is still running, though it was cancelled.
        """
        step_s = self._clock.step_s()
        self.at_work_s = self.at_work_s + step_s if mark is not None and mark == self._mark else 0.0
        self._mark = mark
        self._left = {job: self._left.get(job, -step_s) + step_s for job in left}

    def longest_left(self) -> tuple[Job | None, float]:
        """Return what was cancelled longest ago, and how many seconds ago."""
        return max(self._left.items(), key=lambda item: item[1], default=(None, 0.0))


@dataclass(frozen=True, slots=True)
class Stall:
    """What the model has been busy with for a while.

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
