"""Histories of a register: recorded by processes that may die at any moment, and checked for linearizability."""

from __future__ import annotations

import hashlib
import json
import math
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlem.state.manager import ABSENT, Store, Versioned
from mlem.state.state import LockInfo, State
from mlem_model.errors import MlemError


@dataclass(frozen=True)
class Operation:
    """One operation on a register.

    Attributes:
        kind: ``read`` or ``write``; deleting is writing None.
        start: When it was asked for, in seconds of the one test host's monotonic clock.
        end: When it was answered; infinite when it never was, or the answer does not say what happened.
        expect: What a write expected to find; None for nothing there.
        value: What was read or written; None for nothing.
        holder: The id of the lock that the writer holds, and which of its acquisitions; empty when it never had one.
            One whose outcome was unknown, and that was made anew after another look, is another tenure: the first one
            was never acted under.
        writer: The worker.
    """

    kind: Literal["read", "write"]
    start: float
    end: float
    expect: str | None = None
    value: str | None = None
    holder: str = ""
    writer: str = ""


class Recorder:
    """Appends to a file so that what was begun is on record even when the process is killed within it.

    Args:
        path: The file; each process has its own.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._count = 0

    def begin(self, **facts: Any) -> int:
        """Record that an operation begins; return its number."""
        self._count += 1
        self._append({"number": self._count, "start": time.monotonic(), "pid": os.getpid(), **facts})
        return self._count

    def end(self, number: int, **facts: Any) -> None:
        """Record that an operation was answered."""
        self._append({"number": number, "end": time.monotonic(), "pid": os.getpid(), **facts})

    def _append(self, facts: dict[str, Any]) -> None:
        os.write(self._descriptor, json.dumps(facts).encode() + b"\n")


class RecordingStore(Store):
    """Records every operation on a store, and may die at one.

    Args:
        inner: The store.
        recorder: Where to.
        worker: The worker's name.
        die: A point (``before write``, ``after write``) and the number of the write to die at.
    """

    def __init__(self, inner: Store, recorder: Recorder, worker: str, die: Sequence[Any] | None = None) -> None:
        self.inner = inner
        self._recorder = recorder
        self._worker = worker
        self._die = tuple(die) if die else ()
        self._writes = 0
        self._values: dict[str, str] = {}
        self._tenures = 0
        self._holder = ""

    def where(self, name: str) -> str:
        """Return the URL of a name."""
        return self.inner.where(name)

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names."""
        return self.inner.names(prefix)

    def read(self, name: str) -> Versioned | None:
        """Read and record."""
        number = self._recorder.begin(kind="read", name=name, writer=self._worker)
        found = self.inner.read(name)
        value = _digest(found.data) if found else None
        if found is not None and value is not None:
            self._values[found.version] = value
        self._recorder.end(number, value=value)
        return found

    def write(self, name: str, data: bytes, expect: str) -> str:
        """Write and record."""
        self._writes += 1
        value = _digest(data)
        lock = _lock(data)
        if lock is not None:  # the last write of a holder leaves the lock out
            self._tenures += lock.renewal == 1
            self._holder = f"{lock.id}/{self._tenures}"
        facts = {"expect": self._values.get(expect), "value": value, "holder": self._holder, "writer": self._worker}
        number = self._recorder.begin(kind="write", name=name, **facts)
        self._point("before write")
        version = self.inner.write(name, data, expect)
        self._values[version] = value
        self._point("after write")
        self._recorder.end(number)
        return version

    def delete(self, name: str, expect: str) -> None:
        """Delete and record."""
        number = self._recorder.begin(
            kind="write", name=name, expect=self._values.get(expect), value=None, writer=self._worker
        )
        self.inner.delete(name, expect)
        self._recorder.end(number)

    def _point(self, point: str) -> None:
        if self._die == (point, self._writes):
            os.kill(os.getpid(), signal.SIGKILL)


class WithoutSwap(Store):
    """A store with compare-and-swap switched off: a negative control, which a check of histories must fail.

    Args:
        inner: The store.
    """

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    def where(self, name: str) -> str:
        """Return the URL of a name."""
        return self.inner.where(name)

    def read(self, name: str) -> Versioned | None:
        """Read."""
        return self.inner.read(name)

    def write(self, name: str, data: bytes, expect: str) -> str:
        """Write whatever is there."""
        while True:
            found = self.inner.read(name)
            try:
                return self.inner.write(name, data, found.version if found else ABSENT)
            except MlemError:
                continue

    def delete(self, name: str, expect: str) -> None:
        """Delete whatever is there."""
        found = self.inner.read(name)
        if found is not None:
            self.inner.delete(name, found.version)

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names."""
        return self.inner.names(prefix)


def load_history(paths: Iterable[Path], name: str) -> list[Operation]:
    """Read what processes recorded about one name.

    An operation without an answer, or with a refusal that may hide a success, stays open: it may have happened at any
    time after its start, or never.
    """
    operations = []
    for path in paths:
        begun: dict[tuple[int, int], dict[str, Any]] = {}
        ended: dict[tuple[int, int], dict[str, Any]] = {}
        for line in path.read_bytes().splitlines():
            try:
                facts = json.loads(line)
            except ValueError:
                continue  # the process was killed in the middle of the line
            (ended if "end" in facts else begun)[facts["pid"], facts["number"]] = facts
        for key, facts in begun.items():
            answer = ended.get(key)
            if facts["name"] != name or (facts["kind"] == "read" and answer is None):
                continue  # a read that nobody saw says nothing
            merged = {**facts, **(answer or {"end": math.inf})}
            operations.append(
                Operation(
                    merged["kind"],
                    merged["start"],
                    merged["end"],
                    merged.get("expect"),
                    merged.get("value"),
                    merged.get("holder", ""),
                    merged.get("writer", ""),
                )
            )
    return sorted(operations, key=lambda operation: operation.start)


def linearize(operations: Sequence[Operation]) -> list[Operation] | None:
    """Find an order in which a register, one operation at a time, would have given the same answers.

    A Wing-Gong search that remembers where it was (Lowe): depth first over the operations that may come next, which are
    those that began before the first of the remaining answers.

    Args:
        operations: The history of one register, absent in the beginning, sorted by their start.

    Returns:
        The order, without open operations that had no effect; None when there is none: the register is broken.
    """
    known = [operation for operation in operations if operation.end != math.inf]
    open_: dict[str | None, list[int]] = defaultdict(list)
    pending = [operation for operation in operations if operation.end == math.inf]
    for index, operation in enumerate(pending):
        open_[operation.expect].append(index)

    seen: set[tuple[int, int, int, str | None]] = set()
    # A node: first remaining of the known, which of those after it are done, which of the open are done, the value.
    start = (0, 0, 0, None)
    path: list[Operation] = []
    stack: list[
        tuple[tuple[int, int, int, str | None], Iterator[tuple[Operation, tuple[int, int, int, str | None]]]]
    ] = []

    def successors(
        node: tuple[int, int, int, str | None],
    ) -> Iterator[tuple[Operation, tuple[int, int, int, str | None]]]:
        first, done, open_done, value = node
        horizon = math.inf
        candidates = []
        for offset, operation in enumerate(known[first:]):
            if operation.start > horizon:
                break
            if not done >> offset & 1:
                horizon = min(horizon, operation.end)
                candidates.append((offset, operation))
        for offset, operation in candidates:
            if (
                operation.start <= horizon
                and (operation.value if operation.kind == "read" else operation.expect) == value
            ):
                yield operation, (*_advanced(first, done | 1 << offset), open_done, operation.value)
        for index in open_.get(value, ()):
            if not open_done >> index & 1 and pending[index].start <= horizon:
                yield pending[index], (first, done, open_done | 1 << index, pending[index].value)

    stack.append((start, successors(start)))
    while stack:
        node, moves = stack[-1]
        if node[0] == len(known):
            return path
        for operation, following in moves:
            if following not in seen:
                seen.add(following)
                path.append(operation)
                stack.append((following, successors(following)))
                break
        else:
            stack.pop()
            if path:
                path.pop()
    return None


def _advanced(first: int, done: int) -> tuple[int, int]:
    while done & 1:
        first, done = first + 1, done >> 1
    return first, done


def interleavings(order: Sequence[Operation]) -> list[tuple[str, str]]:
    """Find holders whose writes landed after somebody else's had: what a lock is there to prevent.

    Args:
        order: What `linearize` returned.

    Returns:
        Pairs of lock ids: the one who wrote again, and the one who had written in between.
    """
    found = []
    finished: set[str] = set()
    current = ""
    for operation in order:
        if operation.kind == "read" or not operation.holder or operation.holder == current:
            continue
        if operation.holder in finished:
            found.append((operation.holder, current))
        finished.add(current)
        current = operation.holder
    return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _lock(data: bytes) -> LockInfo | None:
    try:
        return State.from_bytes(data, "recorded").lock
    except MlemError:
        return None
