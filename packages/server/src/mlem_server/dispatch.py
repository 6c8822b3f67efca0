"""The one place where decoded calls meet the model: one thread, a bounded queue, the event loop stays free."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from mlem_server.calls import Call
from mlem_server.errors import HttpError, ModelFailedError
from mlem_server.invocation import answer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Job(Generic[T]):
    work: Callable[[], T]
    future: asyncio.Future[tuple[T | None, BaseException | None]]
    loop: asyncio.AbstractEventLoop


class Dispatcher:
    """Runs calls on the model, in the order of their arrival.

    A model is called from one thread only, the one that loaded it: few models are safe to call from several, and NumPy and
    scikit-learn use the cores inside one call.

    Args:
        max_queue: Calls that may wait; one more is refused.
    """

    def __init__(self, max_queue: int) -> None:
        self._max_queue = max_queue
        self._model: Any = None
        self._pending = 0
        self._jobs: queue.SimpleQueue[_Job[Any]] = queue.SimpleQueue()
        # daemon: a model that does not return must not keep a stopped server alive
        self._thread = threading.Thread(target=self._run, name="mlem-model", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """Whether the next call would be refused; one call at work does not count as waiting."""
        return self._pending > self._max_queue

    async def load(self, load: Callable[[], Any]) -> None:
        """Load the model on its thread.

        Args:
            load: Returns the model; its exceptions are passed on.
        """
        self._model = await self._submit(load)

    async def dispatch(self, call: Call, timeout_s: float) -> Any:
        """Call the model.

        Args:
            call: The method and its decoded arguments.
            timeout_s: Seconds to wait; a call that still waits in the queue then is dropped, one at work runs to its end unheard.

        Returns:
            The encoded answer.

        Raises:
            HttpError: 503 when the queue is full, or the time is over; 422 when the data has numbers that the model can't take.
            ModelFailedError: The model raised.
        """
        if self.full:
            raise overloaded()
        try:
            async with asyncio.timeout(timeout_s):
                return await self._submit(lambda: answer(self._model, call))
        except TimeoutError as error:
            raise HttpError(503, "timed-out", f"no answer within {timeout_s:g} s", headers={"retry-after": "1"}) from error

    async def _submit(self, work: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        job = _Job(work, loop.create_future(), loop)
        self._pending += 1
        try:
            self._jobs.put(job)
            result, error = await job.future
        finally:
            self._pending -= 1
        if error is not None:
            raise error
        return result  # type: ignore[return-value]  # None only beside an error, or where T has it

    def _run(self) -> None:
        while True:
            job = self._jobs.get()
            if job.future.cancelled():
                continue  # nobody waits any more
            result = None
            failure: BaseException | None = None
            try:
                result = job.work()
            except Exception as error:
                failure = error
            except BaseException as error:  # SystemExit of a model must neither end the thread nor pass for an exit of ours
                failure = ModelFailedError(repr(error))
                failure.__cause__ = error
            try:
                job.loop.call_soon_threadsafe(_deliver, job.future, (result, failure))
            except RuntimeError:
                return  # the loop is closed: the server has stopped


def overloaded() -> HttpError:
    """Return the refusal of a call that finds the queue full."""
    return HttpError(503, "overloaded", "too many calls wait for the model", hint="repeat the call later", headers={"retry-after": "1"})


def _deliver(future: asyncio.Future[tuple[Any, BaseException | None]], outcome: tuple[Any, BaseException | None]) -> None:
    if not future.done():
        # a tuple, because a future refuses a StopIteration, and a model may raise one
        future.set_result(outcome)
