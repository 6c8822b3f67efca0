"""`FairQueue`: jobs that wait for the model, a lane for each method; the lanes take turns."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from mlem_server.inference.dispatching.jobs import Job
from mlem_server.inference.endpoint import Call


class FairQueue:
    """Jobs that wait.

    The jobs of one method keep the order of their arrival. Of several methods each gets its turn: a call of one waits
    for at most one of another, however many of these wait. The steps of streams have a lane together.

    Attributes:
        count: How many wait.
    """

    def __init__(self) -> None:
        self._lanes: dict[Any, deque[Job]] = {}  # the one whose turn it is first
        self.count = 0

    def __iter__(self) -> Iterator[Job]:
        for lane in self._lanes.values():
            yield from lane

    def add(self, job: Job) -> None:
        """Add a job at the end of its lane."""
        lane = self._lanes.get(key := job.call.endpoint if isinstance(job.call, Call) else None)
        if lane is None:
            lane = self._lanes[key] = deque()
        lane.append(job)
        self.count += 1

    def clear(self) -> list[Job]:
        """Take all jobs."""
        jobs = list(self)
        self._lanes.clear()
        self.count = 0
        return jobs

    def rows(self, most: int) -> int:
        """Count the rows that wait in the lane whose turn it is; a call that can't be joined counts as ``most``."""
        lane = next(iter(self._lanes.values()), ())
        return sum(job.call.rows or most for job in lane)

    def next_batch(self, most_rows: int) -> list[Job]:
        """Take the next job that somebody waits for, and those behind it in its lane that may be joined with it.

        Args:
            most_rows: The most rows of joined calls.
        """
        while self._lanes:
            key, lane = next(iter(self._lanes.items()))
            batch = self._take(lane, most_rows)
            del self._lanes[key]
            if lane:
                self._lanes[key] = lane  # behind the others
            if batch:
                return batch
        return []

    def _take(self, lane: deque[Job], most_rows: int) -> list[Job]:
        batch: list[Job] = []
        rows = 0
        while lane:
            job = lane[0]
            if not job.cancelled:
                if batch and (not batch[0].joins(job) or rows + (job.call.rows or 0) > most_rows):
                    break
                batch.append(job)
                rows += job.call.rows or 0
            lane.popleft()
            self.count -= 1
        return batch
