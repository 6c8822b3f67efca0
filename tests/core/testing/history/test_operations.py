"""The history checker: accepts what a register may do, refuses what it may not; and the recorder survives a kill."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem.state.manager import ABSENT
from mlem.state.state import LockInfo, State
from mlem.testing.history.operations import Operation, Recorder, RecordingStore, interleavings, linearize, load_history
from mlem.testing.stores.memory import MemoryStore
from mlem_model.errors import ConflictError


def read(start: float, end: float, value: str | None) -> Operation:
    return Operation("read", start, end, value=value)


def write(start: float, end: float, expect: str | None, value: str | None, holder: str = "") -> Operation:
    return Operation("write", start, end, expect, value, holder)


NEVER = math.inf


def test_an_empty_history_and_one_operation_after_another_are_fine() -> None:
    assert linearize([]) == []
    history = [write(0, 1, None, "a"), read(2, 3, "a"), write(4, 5, "a", "b"), read(6, 7, "b")]
    assert linearize(history) == history


def test_a_read_during_a_write_may_see_the_old_or_the_new_but_not_the_old_after_the_new() -> None:
    both = [write(0, 1, None, "a"), write(2, 10, "a", "b")]
    assert linearize([*both, read(3, 4, "a")]) is not None
    assert linearize([*both, read(3, 4, "b")]) is not None
    assert linearize([*both, read(3, 4, "a"), read(5, 6, "b")]) is not None
    assert linearize([*both, read(3, 4, "b"), read(5, 6, "a")]) is None


def test_a_stale_read_is_found() -> None:
    assert linearize([write(0, 1, None, "a"), write(2, 3, "a", "b"), read(4, 5, "a")]) is None


def test_two_swaps_of_one_version_are_found() -> None:
    assert linearize([write(0, 1, None, "a"), write(2, 5, "a", "b"), write(3, 6, "a", "c")]) is None


def test_a_lost_write_is_found() -> None:
    assert linearize([write(0, 1, None, "a"), read(2, 3, None)]) is None


def test_an_open_write_may_have_happened_late_or_never_but_not_before_it_began() -> None:
    first = write(0, 1, None, "a")
    open_ = write(2, NEVER, "a", "b")
    assert linearize([first, open_, read(3, 4, "a")]) is not None
    assert linearize([first, open_, read(3, 4, "b")]) is not None
    assert linearize([first, open_, read(3, 4, "a"), read(50, 60, "b")]) is not None
    assert linearize([first, read(1.2, 1.5, "b"), open_]) is None
    assert linearize([first, open_, write(3, 4, "a", "c"), read(5, 6, "b")]) is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["read", "write", "lost", "landed"]), st.floats(0.1, 5), st.floats(0, 3)), max_size=60
    )
)
def test_whatever_a_right_register_does_is_accepted(plan: list[tuple[str, float, float]]) -> None:
    """Operations that overlap, each taking effect at a moment within it; some are never answered."""
    history = []
    value: str | None = None
    moment = 10.0
    for number, (kind, step, spread) in enumerate(plan):
        moment += step
        start, end = moment - spread, moment + spread
        if kind == "read":
            history.append(read(start, end, value))
        elif kind == "lost":
            history.append(write(start, NEVER, value, f"v{number}"))
        else:
            history.append(write(start, NEVER if kind == "landed" else end, value, f"v{number}"))
            value = f"v{number}"
    found = linearize(sorted(history, key=lambda operation: operation.start))
    assert found is not None
    assert {id(operation) for operation in history if operation.end != NEVER} <= {id(operation) for operation in found}


def test_two_thousand_operations_are_checked_in_a_moment() -> None:
    history = []
    for number in range(1000):
        history.append(write(number, number + 8, str(number - 1) if number else None, str(number)))
        history.append(read(number + 0.5, number + 8.5, str(number)))
    assert linearize(sorted(history, key=lambda operation: operation.start)) is not None


def test_a_holder_that_writes_after_another_has_is_found() -> None:
    order = [
        write(0, 1, None, "a", "x"),
        write(2, 3, "a", "b", "x"),
        write(4, 5, "b", "c", ""),
        write(6, 7, "c", "d", "y"),
    ]
    assert interleavings(order) == []
    assert interleavings([*order, write(8, 9, "d", "e", "x")]) == [("x", "y")]


def test_a_lock_that_is_taken_anew_after_another_look_is_another_tenure(tmp_path: Path) -> None:
    """An acquisition with an unknown outcome had landed; its holder, who never acted under it, gets the lock later."""
    recorded = RecordingStore(MemoryStore(), Recorder(tmp_path / "w.log"), "w")

    def state(lock: str, renewal: int, serial: int) -> bytes:
        holder = LockInfo(id=lock, holder="w", operation="run", since="2026-01-01T00:00:00Z", renewal=renewal)
        return State(type="fake", lineage="1" * 32, serial=serial, lock=holder).to_bytes()

    version = ABSENT
    for serial, (lock, renewal) in enumerate([("x", 1), ("y", 1), ("x", 1), ("x", 2)]):
        version = recorded.write("app", state(lock, renewal, serial), version)
    order = linearize(load_history([tmp_path / "w.log"], "app"))
    assert order is not None
    assert interleavings(order) == []
    # the lock of before, without another look
    late = [*order, write(8, 9, None, None, order[1].holder)]
    assert interleavings(late) == [(order[1].holder, order[3].holder)]


def test_the_history_of_a_store_with_many_clients_is_linearizable(tmp_path: Path) -> None:
    store = MemoryStore()

    def work(number: int) -> None:
        client = RecordingStore(store, Recorder(tmp_path / f"{number}.log"), f"w{number}")
        for turn in range(40):
            found = client.read("app")
            try:
                client.write("app", f"{number} {turn}".encode(), found.version if found else ABSENT)
            except ConflictError:
                continue

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    history = load_history(sorted(tmp_path.glob("*.log")), "app")
    assert len(history) == 320
    assert linearize(history) is not None


@pytest.mark.parametrize(("point", "landed"), [("before write", False), ("after write", True)])
def test_a_write_of_a_process_that_was_killed_within_it_stays_open(tmp_path: Path, point: str, landed: bool) -> None:
    task = {
        "manager": "mlem.state.stores.fsspec:FsspecStateManager",
        "fields": {"uri": (tmp_path / "states").as_uri()},
        "root": str(tmp_path),
        "name": "app",
        "worker": "w",
        "mode": "count",
        "log": str(tmp_path / "w.log"),
        "die": [point, 4],
    }
    done = subprocess.run(
        [sys.executable, "-m", "mlem.testing.history.worker", json.dumps(task)], capture_output=True, check=False
    )
    assert done.returncode == -9, done.stderr
    history = load_history([tmp_path / "w.log"], "app")
    writes = [operation for operation in history if operation.kind == "write"]
    assert [operation.end == NEVER for operation in writes] == [False, False, False, True]
    order = linearize(history)
    assert order is not None
    versions = list((tmp_path / "states" / ".mlem.state" / "app.mlem.state.d").iterdir())
    assert len(versions) == (4 if landed else 3)
