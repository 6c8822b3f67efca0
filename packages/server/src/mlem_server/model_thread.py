"""`ModelThread`: the only thread that a model is called from, with an event loop of its own once the model has coroutines."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Coroutine
from typing import Any

from mlem.calling import loop_of_this_thread

log = logging.getLogger("mlem.server")


class ModelThread:
    """Does what it is given, in order.

    From the first coroutine on it does so on an event loop: coroutines of several callers wait for their networks and disks together,
    while what is not one has the thread for itself, as before. A model without coroutines never has the loop, which costs a little.
    """

    def __init__(self) -> None:
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        # daemon: a model that does not return must not keep a stopped server alive
        threading.Thread(target=self._run, name="mlem-model", daemon=True).start()

    def put(self, work: Callable[[], None]) -> None:
        """Have something done on the thread."""
        self._work.put(work)
        loop = self._loop  # read after the work is there: who makes the loop looks for work afterwards
        if loop is not None:
            loop.call_soon_threadsafe(self._do)

    def spawn(self, coroutine: Coroutine[Any, Any, Any], done: Callable[[asyncio.Task[Any]], None]) -> Callable[[], None]:
        """Run a coroutine beside what the thread does; to be called on the thread.

        Args:
            coroutine: What to run.
            done: Called on the thread when it has ended.

        Returns:
            What cancels it, to be called on any thread.
        """
        loop = self._loop = self._loop or loop_of_this_thread()
        task = loop.create_task(coroutine)
        task.add_done_callback(done)

        def cancel() -> None:
            loop.call_soon_threadsafe(task.cancel)

        return cancel

    def _do(self) -> None:
        with contextlib.suppress(queue.Empty):
            while True:
                self._work.get_nowait()()

    def _run(self) -> None:
        while self._loop is None:
            self._work.get()()
        self._loop.call_soon(self._do)
        while True:
            try:
                self._loop.run_forever()
            except BaseException:  # what is run guards itself; the thread has to go on all the same
                log.exception("the loop of the model was left")
