"""Work on many things at once, where one that hangs costs its own place and nobody else's."""

from __future__ import annotations

import contextvars
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from mlem.deployments.edge import failure_of
from mlem_model.errors import MlemError, WaitTimeoutError

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

WORKERS = 32


class Parallel(Generic[ItemT, ResultT]):
    """Does the same with many items in threads, which end with the process where one hangs.

    Args:
        work: What is done with an item.
        limit_s: How long one may take, in seconds; what takes longer is given up.
        workers: How many are worked on at once.
    """

    def __init__(self, work: Callable[[ItemT], ResultT], *, limit_s: float, workers: int = WORKERS) -> None:
        self._work = work
        self._limit_s = limit_s
        self._workers = workers
        self._changed = threading.Condition()
        self._waiting: deque[tuple[int, ItemT]] = deque()
        self._running: dict[int, float] = {}
        self._done: dict[int, ResultT | BaseException] = {}

    def all(self, items: Sequence[ItemT]) -> list[ResultT | MlemError]:
        """Return what each item gave: its result or its error, in the order of the items.

        Raises:
            Exception: What is neither ours nor a plugin's: a defect.
        """
        self._waiting.extend(enumerate(items))
        for _ in range(min(self._workers, len(items))):
            self._start_worker()
        with self._changed:
            while len(self._done) < len(items):
                self._changed.wait(self._give_up_slow())
        return [self._outcome(self._done[index]) for index in range(len(items))]

    def _start_worker(self) -> None:
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._take_turns,), daemon=True).start()

    def _take_turns(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    return
                index, item = self._waiting.popleft()
                self._running[index] = time.monotonic()
            try:
                found: ResultT | BaseException = self._work(item)
            except BaseException as error:
                found = error
            with self._changed:
                self._changed.notify_all()
                if self._running.pop(index, None) is None:
                    return  # given up: another thread has this one's place
                self._done[index] = found

    def _give_up_slow(self) -> float | None:
        """Give up what takes too long, and return the seconds until the next may have to be."""
        now = time.monotonic()
        for index, began in list(self._running.items()):
            if now - began >= self._limit_s:
                del self._running[index]
                self._done[index] = WaitTimeoutError(f"no answer after {self._limit_s:g} s")
                self._start_worker()
        return min((began + self._limit_s - now for began in self._running.values()), default=self._limit_s)

    def _outcome(self, found: ResultT | BaseException) -> ResultT | MlemError:
        if not isinstance(found, BaseException):
            return found
        failure = failure_of(found)
        if failure is None:
            raise found
        if failure is not found:
            failure.__cause__ = found
        return failure
