"""Something else between any two lines of a call: for races that must be met every time, not once in a while."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from types import FrameType
from typing import Any

from mlem.state.manager import Store
from mlem_model.errors import ConflictError

BLOCKED_S = 0.3
"""A rival that has not answered for so long waits for a lock that the paused call holds."""


def lines_of(call: Callable[[], Any], store: Store) -> int:
    """Count the lines of a store's own code that a call runs."""
    count = 0

    def line() -> None:
        nonlocal count
        count += 1

    with _tracing(store, line):
        call()
    return count


def interrupted_at(number: int, call: Callable[[], Any], store: Store, action: Callable[[], None]) -> Any:
    """Make a call, and something else in the middle.

    Just before the Nth line of the store's own code, counted from 0.
    """
    count = -1

    def line() -> None:
        nonlocal count
        count += 1
        if count == number:
            action()

    with _tracing(store, line):
        return call()


@contextmanager
def _tracing(store: Store, line: Callable[[], None]) -> Iterator[None]:
    """Call a function before each line of the modules that a store, and the stores within it, are made of."""
    modules = _modules(store)

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        if frame.f_globals.get("__name__") not in modules:
            return None
        if event == "line":
            line()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def _modules(store: Store) -> set[str]:
    found: set[str] = set()
    left = [store]
    while left:
        one = left.pop()
        found |= {cls.__module__ for cls in type(one).__mro__ if issubclass(cls, Store) and cls is not Store}
        left += [value for value in vars(one).values() if isinstance(value, Store)]
    beside = {name.rpartition(".")[0] for name in found} - {"", "mlem"}
    return found | {name for name in sys.modules if name.rpartition(".")[0] in beside}


class Rival:
    """Somebody else who writes to a store: another process, or a thread where no other process sees the store.

    Args:
        write: Writes in this process: name, data, expected version.
        process: A worker in the mode ``obey``; see `mlem.testing.history.worker`.
    """

    def __init__(self, write: Callable[[str, bytes, str], Any], process: subprocess.Popen[str] | None) -> None:
        self._write, self._process = write, process
        self._pool = ThreadPoolExecutor(1)
        self._answer: Future[bool] | None = None
        self._patience_s = BLOCKED_S

    def write(self, name: str, data: str, expect: str) -> None:
        """Write, and wait until it is done, or hangs."""
        self._answer = self._pool.submit(self._ask, name, data, expect)
        try:
            self._answer.result(self._patience_s)
            self._patience_s = BLOCKED_S
        except NotYet:
            self._patience_s = BLOCKED_S / 10  # at the next line it will hang as well

    def won(self) -> bool:
        """Return whether the write landed, once it is known."""
        if self._answer is None:
            raise AssertionError("nothing was asked")
        return self._answer.result(60)

    def close(self) -> None:
        """End the other process."""
        self._pool.shutdown()
        if self._process is not None:
            self._process.communicate(timeout=60)

    def _ask(self, name: str, data: str, expect: str) -> bool:
        if self._process is None:
            try:
                self._write(name, data.encode(), expect)
            except ConflictError:
                return False
            return True
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("the worker is not asked by a pipe")
        self._process.stdin.write(json.dumps({"name": name, "data": data, "expect": expect}) + "\n")
        self._process.stdin.flush()
        return bool(json.loads(self._process.stdout.readline())["won"])
