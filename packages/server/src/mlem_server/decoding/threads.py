"""`DecodingThreads`: large bodies and answers are processed here, so that the event loop has time for other callers."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from typing import Any

from mlem_model.data.formats.binary import JSON, NPY, OCTETS
from mlem_model.data.types.stopping import stoppable

LARGE_BYTES = 64 * 1024
"""Larger bodies and answers are left to a thread; smaller ones take the loop some milliseconds at most."""
QUICK = frozenset({JSON, NPY, OCTETS})
"""Media types whose small bodies are decoded at once; those of others may become large."""
_THREADS = 2
"""The second one serves callers that come behind something very large; more would bring nothing, because they share the
interpreter's lock."""


class Task:
    """Some work to be done.

    Args:
        work: What to do, on a thread; it may ask `mlem_model.data.types.stopping.go_on`.
        done: Called on the event loop with what came of it, or with what was raised.

    Attributes:
        cancelled: Whether nobody waits for it any more.
    """

    def __init__(self, work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        self.cancelled = False
        self._work = work
        self._done = done

    def cancel(self) -> None:
        """Note that nobody waits for it any more."""
        self.cancelled = True

    def run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Do it, on a thread."""
        if self.cancelled:
            return
        outcome: Any
        try:
            with stoppable(lambda: self.cancelled):
                outcome = self._work()
        except Exception as error:
            outcome = error
        if not loop.is_closed():  # else the server has stopped
            loop.call_soon_threadsafe(self._tell, outcome)

    def _tell(self, outcome: Any) -> None:
        if not self.cancelled:
            self._done(outcome)


class DecodingThreads:
    """Runs work on threads of its own, which are started with the first task."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Task, asyncio.AbstractEventLoop]] = queue.SimpleQueue()
        self._started = False

    def submit(self, work: Callable[[], Any], done: Callable[[Any], None]) -> Task:
        """Have something done; to be called on the event loop. See `Task`."""
        if not self._started:
            self._started = True
            for number in range(_THREADS):
                # daemon: long work must not keep a stopped server alive
                threading.Thread(target=self._run, name=f"mlem-decoding-{number}", daemon=True).start()
        job = Task(work, done)
        self._jobs.put((job, asyncio.get_running_loop()))
        return job

    def _run(self) -> None:
        while True:
            job, loop = self._jobs.get()
            job.run(loop)
