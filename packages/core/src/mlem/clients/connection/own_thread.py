"""Blocking calls in threads of their own."""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

ResultT = TypeVar("ResultT")


def in_own_thread(function: Callable[[], ResultT]) -> Future[ResultT]:
    """Run a blocking call in a thread of its own.

    Pools belong to the program, and a thread that hangs must not keep the process from ending.

    Args:
        function: What to run, in a copy of the caller's context.
    """
    future: Future[ResultT] = Future()
    context = contextvars.copy_context()

    def work() -> None:
        if not future.set_running_or_notify_cancel():
            return
        try:
            result = context.run(function)
        except BaseException as raised:
            error = raised  # the name of an except clause is gone when it ends
            _settle(lambda: future.set_exception(error))
        else:
            _settle(lambda: future.set_result(result))

    threading.Thread(target=work, name="mlem-call", daemon=True).start()
    return future


def _settle(settle: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the event loop that waited has been closed meanwhile
        settle()
