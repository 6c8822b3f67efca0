"""A store in memory and a clock that stands still: for tests of what is above a store."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from mlem.state.clock import Clock
from mlem.state.manager import ABSENT, Store, Versioned
from mlem_model.errors import ConflictError


class FakeClock(Clock):
    """A clock that moves only when somebody sleeps, or a test moves it.

    Attributes:
        seconds: What it shows.
        slept: How long each sleep was.
    """

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        """Return what it shows."""
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.slept.append(seconds)
        self.seconds += seconds


class MemoryStore(Store):
    """A correct register in memory, safe between threads; its faults can be set.

    Attributes:
        values: What is in it.
        calls: What was asked of it, in order.
        faults: What is raised by the next calls of an operation (``write``, ``write after``, ``read``, ``delete``), one
            a call; ``after`` means once it is done. None lets a call pass.
    """

    def __init__(self) -> None:
        self.values: dict[str, Versioned] = {}
        self.calls: list[str] = []
        self.faults: dict[str, list[BaseException | None]] = {}
        self._count = 0
        self._mutex = threading.Lock()

    def where(self, name: str) -> str:
        """Return a URL."""
        return f"memory://{name}"

    def read(self, name: str) -> Versioned | None:
        """Read the value."""
        self._called("read")
        with self._mutex:
            return self.values.get(name)

    def write(self, name: str, data: bytes, expect: str) -> str:
        """Swap the value."""
        self._called("write")
        with self._mutex:
            self._expect(name, expect)
            self._count += 1
            self.values[name] = Versioned(data, f"v{self._count}")
            version = self.values[name].version
        self._fail("write after")
        return version

    def delete(self, name: str, expect: str) -> None:
        """Delete the value."""
        self._called("delete")
        with self._mutex:
            self._expect(name, expect)
            self.values.pop(name, None)
        self._fail("delete after")

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names."""
        yield from sorted(name for name in self.values if name.startswith(prefix))

    def _called(self, operation: str) -> None:
        self.calls.append(operation)
        self._fail(operation)

    def _fail(self, operation: str) -> None:
        planned = self.faults.get(operation)
        fault = planned.pop(0) if planned else None
        if fault is not None:
            raise fault

    def _expect(self, name: str, expect: str) -> None:
        current = self.values.get(name)
        if (current.version if current else ABSENT) != expect:
            raise ConflictError("changed")
