"""`Job`: a call of the model on its way, with whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlem_server.http.response import Response
from mlem_server.inference.endpoint import Call
from mlem_server.inference.streaming import Items

Outcome = Response | Items | BaseException


@dataclass(slots=True, eq=False)
class Job:
    """A call on its way, or a step of a stream.

    Attributes:
        call: What to ask.
        done: Called on the event loop with the answer, or with what was raised.
        submitted: When it came, in seconds of the monotonic clock.
        cancelled: Whether nobody waits for it any more.
        origin: The request that it belongs to, for reports; the dispatcher does not use it.
        stop: Ends what is awaited; None where nothing is.
    """

    call: Call | Step
    done: Callable[[Any], None]
    submitted: float
    origin: Any = None
    cancelled: bool = False
    stop: Callable[[], None] | None = None

    def joins(self, other: Job) -> bool:
        """Whether another call may be joined with this one."""
        mine, its = self.call, other.call
        if not isinstance(mine, Call) or not isinstance(its, Call):
            return False
        return its.endpoint is mine.endpoint and mine.rows is not None and its.rows is not None

    def cancel(self) -> None:
        """Note that nobody waits for it any more."""
        self.cancelled = True
        if self.stop is not None:
            self.stop()


@dataclass(slots=True, eq=False)
class Step:
    """Something for the model's thread that is not a call.

    Attributes:
        take: What to do.
        rows: None: it is never joined.
    """

    take: Callable[[], Any]
    rows: int | None = None

    def ask(self, model: Any) -> Any:
        """Do it."""
        return self.take()
