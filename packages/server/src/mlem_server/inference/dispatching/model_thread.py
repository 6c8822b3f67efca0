"""`ModelThread`: the only thread that calls the model; it has an event loop once the model has coroutines."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import sys
import threading
import traceback
from collections.abc import Callable, Coroutine
from typing import Any

from mlem_model.models.calling import loop_of_this_thread

log = logging.getLogger("mlem.server")

_MOST_FRAMES = 50


class ModelThread:
    """Does what it is given, in order.

    From the first coroutine on it does so on an event loop: coroutines of several callers wait for their networks and
    disks together, while other work has the thread for itself, as before. A model without coroutines never gets a
    loop, which costs a little.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._owners: dict[asyncio.Task[Any], Any] = {}
        self._ping: object | None = None
        self._ending = False
        # daemon: a model that does not return must not keep a stopped server alive
        self._thread = threading.Thread(target=self._run, name="mlem-model", daemon=True)
        self._thread.start()

    @property
    def has_loop(self) -> bool:
        """Whether it runs an event loop of its own."""
        return self._loop is not None

    def put(self, work: Callable[[], None]) -> None:
        """Have something done on the thread."""
        self._work.put(work)
        loop = self._loop  # read after the work is there: who makes the loop looks for work afterwards
        if loop is not None:
            loop.call_soon_threadsafe(self._do)

    def end(self) -> None:
        """End the thread when it has done what it was given."""
        self.put(self._stop)

    def _stop(self) -> None:
        if self._loop is not None:
            self._loop.stop()
        self._ending = True

    def spawn(
        self, coroutine: Coroutine[Any, Any, Any], done: Callable[[asyncio.Task[Any]], None], owner: Any = None
    ) -> Callable[[], None]:
        """Run a coroutine beside what the thread does; to be called on the thread.

        Args:
            coroutine: What to run.
            done: Called on the thread when it has ended.
            owner: Whom it belongs to; see `owner_at_work`.

        Returns:
            A function that cancels it, which may be called on any thread.
        """
        loop = self._loop = self._loop or loop_of_this_thread()
        task = loop.create_task(coroutine)
        self._owners[task] = owner
        task.add_done_callback(self._owners.pop)
        task.add_done_callback(done)

        def cancel() -> None:
            loop.call_soon_threadsafe(task.cancel)

        return cancel

    def ping(self) -> object | None:
        """Ask the thread's event loop for a sign of life; to be called now and then, by one thread.

        Returns:
            The question that is not answered yet, the same one until it is; None where there is no loop.
        """
        if self._loop is not None and self._ping is None:
            self._ping = object()
            self._loop.call_soon_threadsafe(self._pong)
        return self._ping

    def owner_at_work(self) -> Any:
        """Return the owner of the coroutine that is running on the thread at this moment; None when none is."""
        task = None if self._loop is None else asyncio.current_task(self._loop)
        return None if task is None else self._owners.get(task)

    def stack(self) -> str:
        """Return the thread's stack like a traceback, innermost call last."""
        frame = sys._current_frames().get(self._thread.ident or 0)
        return (
            "".join(traceback.format_stack(frame, _MOST_FRAMES))
            if frame is not None
            else "the thread of the model has ended"
        )

    def _pong(self) -> None:
        self._ping = None

    def _do(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._work.get_nowait()()

    def _run(self) -> None:
        while self._loop is None and not self._ending:
            self._work.get()()
        if self._loop is None:
            return
        self._loop.call_soon(self._do)
        while not self._ending:
            try:
                self._loop.run_forever()
            except BaseException:  # work handles its own errors; the thread has to go on all the same
                log.exception("the event loop of the model failed")
