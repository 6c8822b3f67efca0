"""`Dispatcher`: where decoded calls meet the model.

One thread, a bounded queue, and waiting calls that are joined into one.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from mlem_server.http.errors import HttpError, overloaded
from mlem_server.inference.dispatching.batch_window import BatchWindow
from mlem_server.inference.dispatching.fair_queue import FairQueue
from mlem_server.inference.dispatching.jobs import Job, Outcome, Step
from mlem_server.inference.dispatching.model_thread import ModelThread
from mlem_server.inference.dispatching.outcomes import LATER, as_outcome, guarded
from mlem_server.inference.dispatching.pace import Pace
from mlem_server.inference.dispatching.stall import Stall, StallTimer
from mlem_server.inference.endpoint import Call
from mlem_server.inference.errors import ModelFailedError
from mlem_server.process.movable_loop import MovableLoop

_LONGEST_PAUSE_S = 60
Observe = Callable[[Sequence[Job], float], None]
"""Called on the event loop before calls go to the model, with the jobs and the monotonic time."""


class Dispatcher:
    """Runs calls on the model: those of a method in the order of their arrival, and methods in turn.

    A model is called from one thread only, the one that loaded it: few models are safe to call from several, and NumPy
    and scikit-learn use the cores inside one call. While it works, calls queue up; neighbours that may be joined go to
    the model as one. A single call never waits; see `BatchWindow`.

    While a model is quick, a `MovableLoop` comes to its thread, so that a call costs no switch between threads. As soon
    as a call takes too long, the loop goes back to its own thread.

    An awaited call leaves the thread to others in the meantime. Such calls count as waiting ones do.

    A call that has begun can't be taken back. When it takes longer than any caller may wait, nobody waits for it any
    more, and new callers would wait in vain: calls are refused, with the true reason, until it ends.

    Args:
        max_queue: Calls that may wait; one more is refused.
        max_batch_rows: The most rows of a joined call.
        observe: Told of each call of the model, for metrics.
        limit_s: How long a caller may wait for an answer.
    """

    def __init__(
        self,
        max_queue: int,
        max_batch_rows: int = 64,
        observe: Observe = lambda _jobs, _now: None,
        limit_s: float = math.inf,
    ) -> None:
        self._max_queue = max_queue
        self._limit_s = limit_s
        self._max_batch_rows = max_batch_rows
        self._observe = observe
        self._model: Any = None
        self._waiting = FairQueue()
        self._busy = False
        self._began = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._soon = False
        self._window = BatchWindow()
        self._pace = Pace()
        self._loop: MovableLoop | None = None
        self._at: Sequence[Job] = ()
        self._awaited: set[Job] = set()
        self._thread = ModelThread()
        self._put = self._thread.put
        self._rests = False
        self._stall_timer = StallTimer()

    def expect_room(self) -> None:
        """Refuse the next call if it would have to wait in vain.

        Raises:
            HttpError: 503 when a call takes too long, or the queue is full; running calls do not count as waiting.
        """
        if self._busy and time.monotonic() - self._began > self._limit_s:
            raise self._held_up()
        if self._waiting.count + self._busy + len(self._awaited) > self._max_queue:
            raise overloaded()

    def look(self) -> None:
        """Refuse callers that wait behind a call that takes too long; called now and then, on the event loop."""
        self._stall_timer.look(self._mark(), (job for job in self._awaited if job.cancelled))
        if not self._busy or not self._waiting.count or time.monotonic() - self._began <= self._limit_s:
            return
        for job in self._waiting.clear():
            if not job.cancelled:
                job.done(self._held_up())

    def _mark(self) -> object | None:
        """Return what stays the same while the thread does one thing; None when it is idle."""
        asked = (
            self._thread.ping() if self._awaited else None
        )  # a coroutine that does not await occupies the thread although no call runs
        return asked or (self._began if self._busy else None)

    def stall(self) -> Stall | None:
        """Return what blocks the thread, or an awaited call that runs long after it was cancelled; None for nothing.

        Call it after `look`, and as often.
        """
        at_work_s, (left, left_s) = self._stall_timer.at_work_s, self._stall_timer.longest_left()
        if left_s > at_work_s:
            return Stall((left,), left_s, f"awaited, and not ended by its cancellation {left_s:.3g} s ago")
        if not at_work_s:
            return None
        owner = self._thread.owner_at_work()
        return Stall((owner,) if owner is not None else self._at, at_work_s, self._thread.stack)

    def give_up(self, error: Callable[[], HttpError]) -> None:
        """Answer all calls with an error: the model will not come back.

        Args:
            error: Returns the answer for calls that the model may have seen; those that only waited get "busy".
        """
        begun, waiting = [*self._at, *self._awaited], self._waiting.clear()
        for job in (*begun, *waiting):
            if not job.cancelled:
                job.cancelled = True
                job.done(error() if job in begun else self._held_up())

    def _held_up(self) -> HttpError:
        since_s = time.monotonic() - self._began
        message = (
            f"the model has been at one call for {since_s:.3g} s, longer than the {self._limit_s:g} s "
            "that a call may take"
        )
        # what has lasted this long may well last as long again
        again_s = min(_LONGEST_PAUSE_S, max(1, math.ceil(since_s)))
        return HttpError(
            503, "model-busy", message, hint="repeat the call later", headers={"retry-after": str(again_s)}
        )

    async def load(self, load: Callable[[], Any]) -> None:
        """Load the model on its thread.

        Args:
            load: Returns the model; its exceptions are passed on.
        """
        loop = asyncio.get_running_loop()
        self._loop = loop if isinstance(loop, MovableLoop) else None
        loaded = loop.create_future()

        def work() -> None:
            found: Any = None
            failure: BaseException | None = None
            try:
                found = load()
            except BaseException as error:
                failure = error
            _tell(loop, _settle, loaded, (found, failure))

        self._thread.put(work)
        self._model, failure = await loaded
        if failure is not None:
            raise failure

    def rest(self) -> None:
        """Expect few more calls: the event loop leaves the model's thread."""
        self._rests = True
        if self._loop is not None:
            self._loop.leave(self._put)

    def unload(self) -> None:
        """Forget the model, and end its thread; to be called when no call is on its way, after `rest`."""
        self._model = None
        self._thread.end()

    def submit(self, call: Call, done: Callable[[Outcome], None], origin: Any = None) -> Job:
        """Call the model; to be called on the event loop.

        Args:
            call: The decoded call.
            done: Called on the event loop with the answer, or what was raised: `ModelFailedError`, or `HttpError` 422
                when the data has numbers that the model can't take.
            origin: The request that it belongs to.

        Raises:
            HttpError: See `expect_room`.
        """
        self.expect_room()
        return self._add(Job(call, done, time.monotonic(), origin))

    def step(self, take: Callable[[], Any], done: Callable[[Any], None], origin: Any = None) -> Callable[[], None]:
        """Do something on the model's thread, in turn with calls; called on the event loop.

        Args:
            take: What to do; a coroutine that it returns is awaited.
            done: Called on the event loop with what came of it, or what was raised.
            origin: The request that it belongs to.

        Returns:
            A function that says that nobody waits for it any more.
        """
        return self._add(Job(Step(take), done, time.monotonic(), origin)).cancel

    def _add(self, job: Job) -> Job:
        self._waiting.add(job)
        if not self._busy:
            self._schedule(job.submitted)
        return job

    def _schedule(self, now: float) -> None:
        """Give the model the next calls.

        This happens after the requests that arrived with the first, or when no more are expected.
        """
        left_s = self._window.left_s(now, self._waiting.count)
        if left_s and self._waiting.rows(self._max_batch_rows) >= self._max_batch_rows:
            left_s = 0.0
        if not left_s:
            self._feed_soon()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(left_s, self._feed_soon)

    def _feed_soon(self) -> None:
        """Give the model the next calls, those that arrive in this moment among them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._soon:
            return
        self._soon = True
        if self._loop is not None:
            self._loop.after_round(self._feed)
        else:
            asyncio.get_running_loop().call_soon(self._feed)

    def _feed(self) -> None:
        """Give the model the next calls."""
        self._soon = False
        batch = self._waiting.next_batch(self._max_batch_rows)
        if not batch:
            return
        self._busy = True
        self._at = batch
        self._began = started = time.monotonic()
        if isinstance(batch[0].call, Call):
            self._observe(batch, started)
        loop = asyncio.get_running_loop()
        if self._loop is not None:
            if self._loop.host is self._put and isinstance(batch[0].call, Call):
                self._feed_here(self._loop, batch, started)
                return
            self._loop.leave(self._put)  # a step of a stream takes as long as it likes
        self._thread.put(lambda: _tell(loop, self._deliver, batch, self._outcomes(batch, loop), started))

    def _feed_here(self, loop: MovableLoop, batch: list[Job], started: float) -> None:
        """Give calls to a quick model, whose thread the loop visits."""

        def held_up(outcomes: Sequence[Any]) -> None:
            self._pace.was_slow()
            self._deliver(batch, outcomes, started)

        self._deliver(batch, loop.work(lambda: self._outcomes(batch, loop), held_up), started)
        if self._thread.has_loop or self._rests or not self._pace.quick:
            loop.leave(self._put)

    def _deliver(self, batch: Sequence[Job], outcomes: Sequence[Any], started: float) -> None:
        self._busy = False
        self._at = ()
        now = time.monotonic()
        self._window.answered(now, now - started, len(batch), self._waiting.count)
        if self._loop is not None and isinstance(batch[0].call, Call):
            self._pace.took(now - started)
            if self._pace.quick and self._loop.host is None and not self._thread.has_loop and not self._rests:
                self._loop.move(self._put)
        for job, outcome in zip(batch, outcomes, strict=True):
            if outcome is LATER:
                self._awaited.add(job)
            elif not job.cancelled:
                job.done(outcome)
        if self._waiting.count:
            self._schedule(time.monotonic())

    def _deliver_later(self, job: Job, outcome: Any) -> None:
        self._awaited.discard(job)
        if not job.cancelled:
            job.done(outcome)

    def _outcomes(self, batch: Sequence[Job], loop: asyncio.AbstractEventLoop) -> Sequence[Any]:
        """Call the model, on its thread."""
        if len(batch) > 1:
            calls = [job.call for job in batch if isinstance(job.call, Call)]
            try:
                return list(calls[0].endpoint.answers(self._model, calls))
            except Exception:  # noqa: S110  # one of the calls is to blame: called alone, each gets its own answer
                pass
        return [self._outcome(job, loop) for job in batch]

    def _outcome(self, job: Job, loop: asyncio.AbstractEventLoop) -> Any:
        self._began, self._at = time.monotonic(), (job,)
        if job.cancelled:  # meanwhile
            return asyncio.CancelledError()
        try:
            outcome = job.call.ask(self._model)
        except BaseException as error:
            return as_outcome(error)
        if not asyncio.iscoroutine(outcome):
            return outcome

        def ended(task: asyncio.Task[Any]) -> None:
            _tell(loop, self._deliver_later, job, ModelFailedError("cancelled") if task.cancelled() else task.result())

        job.stop = self._thread.spawn(guarded(outcome), ended, job)
        if job.cancelled:  # meanwhile
            job.stop()
        return LATER


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: Any) -> None:
    if not loop.is_closed():  # else the server has stopped
        loop.call_soon_threadsafe(callback, *arguments)


def _settle(future: asyncio.Future[Any], outcome: tuple[Any, BaseException | None]) -> None:
    if not future.done():
        future.set_result(outcome)  # a tuple, because a future refuses a StopIteration
