"""``python -m mlem.testing.history.worker TASK``: a process that works on a store and records what it saw.

The task is JSON: ``manager`` (``module:class``), its ``fields``, ``root``, ``name``, ``worker``, and ``mode``:
``swap`` (adds to a number by compare-and-swap), ``count`` (adds to a number under the lock), ``hold`` (keeps the lock
until its standard input ends), ``obey`` (makes the writes that its standard input names). ``log`` is the file for the
history, ``seconds`` the time after which it stops, ``times`` the number of additions, ``die`` a pair of a point
(``before write``, ``after write``) and the number of the write to die at by SIGKILL, ``cas: false`` switches
compare-and-swap off. Prints a report in JSON.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlem.state.locks.owner import new_lock
from mlem.state.locks.request import LockRequest
from mlem.state.manager import ABSENT, StateManager, Store
from mlem.state.state import State
from mlem.testing.history.operations import Recorder, RecordingStore, WithoutSwap
from mlem_model.errors import ConflictError, LockedError, MlemError, PlatformError

LINEAGE = "c" * 32


def main(task: Mapping[str, Any]) -> dict[str, Any]:
    """Do a task; return the report."""
    module, _, qualified = task["manager"].partition(":")
    cls = getattr(importlib.import_module(module), qualified)
    manager: StateManager = cls.from_data(task["fields"], "task")
    store = manager.store(Path(task["root"]))
    if not task.get("cas", True):
        store = WithoutSwap(store)
    if "log" in task:
        store = RecordingStore(store, Recorder(Path(task["log"])), task["worker"], task.get("die"))
    return {"swap": _swap, "count": _count, "hold": _hold, "obey": _obey}[task["mode"]](manager, store, task)


def _swap(_manager: StateManager, store: Store, task: Mapping[str, Any]) -> dict[str, Any]:
    done = 0
    end = time.monotonic() + task.get("seconds", 1e9)
    while done < task.get("times", 10**9) and time.monotonic() < end:
        found = store.read(task["name"])
        number = int(found.data.split()[1]) if found else 0
        try:
            # S311: not a secret
            store.write(task["name"], f"{random.random()} {number + 1}".encode(), found.version if found else ABSENT)  # noqa: S311
            done += 1
        except ConflictError:
            time.sleep(random.uniform(0, 0.02))  # noqa: S311  # not a secret
    return {"done": done}


def _count(manager: StateManager, store: Store, task: Mapping[str, Any]) -> dict[str, Any]:
    """Add one under the lock, again and again: what a run does to its state."""
    worker = task["worker"]
    report = {"worker": worker, "done": 0, "doubtful": 0, "refused": 0}
    end = time.monotonic() + task.get("seconds", 1e9)
    while report["done"] + report["doubtful"] < task.get("times", 10**9) and time.monotonic() < end:
        try:
            initial = State(type="fake", lineage=LINEAGE)
            timeout_s = task.get("timeout_s", 120.0)
            request = LockRequest(store, task["name"], new_lock("test"), timeout_s=timeout_s, initial=initial)
            with manager.session(request) as session:
                state = session.state
                if state is None:
                    raise AssertionError("a session with an initial state has a state")
                before = state.records.get("count", {"total": 0, "by": {}})
                by = {**before["by"], worker: before["by"].get(worker, 0) + 1}
                session.guard()
                if task.get("pause_s"):
                    time.sleep(task["pause_s"])
                report["doubtful"] += 1
                if task.get("progress"):
                    print(json.dumps(report), flush=True)  # whoever kills this process knows what was under way
                session.finish(state.with_record("count", {"total": before["total"] + 1, "by": by}))
                report["doubtful"] -= 1
                report["done"] += 1
            if task.get("progress"):
                print(json.dumps(report), flush=True)
        except (LockedError, ConflictError, PlatformError):
            report["refused"] += 1
    return report


def _hold(manager: StateManager, store: Store, task: Mapping[str, Any]) -> dict[str, Any]:
    initial = State(type="fake", lineage=LINEAGE)
    with manager.session(LockRequest(store, task["name"], new_lock("test"), initial=initial)) as session:
        if session.state is None:
            raise AssertionError("a session with an initial state has a state")
        session.save(session.state.with_record("held", {"by": task["worker"]}))
        print("holding", flush=True)
        sys.stdin.readline()
    return {}


def _obey(_manager: StateManager, store: Store, _task: Mapping[str, Any]) -> dict[str, Any]:
    """Make the writes that are asked for, one JSON object a line, and say of each whether it was accepted."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            store.write(asked["name"], asked["data"].encode(), asked["expect"])
            won = True
        except ConflictError:
            won = False
        print(json.dumps({"won": won}), flush=True)
    return {}


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    try:
        print(json.dumps(main(given)), flush=True)
    except MlemError as error:
        print(json.dumps({"error": error.message, "code": error.code}), flush=True)
        sys.exit(1)
