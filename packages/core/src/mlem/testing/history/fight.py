"""A fight: processes add to one number under the lock while they are killed, paused and lied to; then the verdict."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlem.state.manager import StateManager
from mlem.state.stored import read_state
from mlem.testing.history.operations import Operation, interleavings, linearize, load_history

_GRACE_S = 90.0


@dataclass(frozen=True)
class Verdict:
    """What a fight showed.

    Attributes:
        operations: How many operations are in the history.
        landed: How many writes landed, in their order.
        linearizable: Whether a register could have answered so.
        interleavings: Holders whose writes landed after somebody else's had.
        lost: Updates that were reported as done and are not in the state, in words.
        total: The number in the end.
        done: How many additions were reported as done.
        killed: How many processes were killed.
        paused: How many times a process was paused.
        stuck: Workers that did not end in time.
        crashed: Workers that ended with an unexpected error, with its last line.
    """

    operations: int
    landed: int
    linearizable: bool
    interleavings: Sequence[tuple[str, str]]
    lost: Sequence[str]
    total: int
    done: int
    killed: int
    paused: int
    stuck: Sequence[str]
    crashed: Sequence[str]

    @property
    def clean(self) -> bool:
        """Whether nothing went wrong."""
        return self.linearizable and not self.interleavings and not self.lost and not self.stuck and not self.crashed


@dataclass
class _Worker:
    name: str
    process: subprocess.Popen[bytes]
    killed: bool = False
    paused_until: float = 0.0


@dataclass
class Fight:
    """A fight over one name of a store.

    Attributes:
        manager: The state manager that workers use; a short ``ttl_s`` makes for more take-overs.
        folder: Where histories go; empty.
        seconds: How long.
        count: How many workers at once.
        chaos: Whether workers are killed and paused.
        environments: Variables for the workers, by turns: servers, clocks that are wrong.
        task: Further parts of the workers' task; see `mlem.testing.history.worker`.
        seed: Makes the blows come in the same order.
    """

    manager: StateManager
    folder: Path
    seconds: float
    count: int = 5
    chaos: bool = True
    environments: Sequence[Mapping[str, str]] = ({},)
    task: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    name: str = "app"

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  # plays dice, guards nothing
        self._workers: list[_Worker] = []
        self._gone: list[_Worker] = []
        self._paused = 0
        self._end = 0.0

    def run(self, check: StateManager | None = None) -> Verdict:
        """Fight, and judge.

        Args:
            check: The manager to read the last state with: one that no fault is in the way of.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._end = time.monotonic() + self.seconds
        for _ in range(self.count):
            self._start()
        while time.monotonic() < self._end:
            time.sleep(self._random.uniform(0.05, 0.6))
            self._wake(time.monotonic())
            self._replace_dead()
            if self.chaos:
                self._strike()
        stuck = self._finish()
        return self._judge(check or self.manager, stuck)

    def _start(self, die: Sequence[Any] | None = None) -> None:
        number = len(self._workers) + len(self._gone)
        name = f"w{number}"
        cls = type(self.manager)
        task = {
            "manager": f"{cls.__module__}:{cls.__qualname__}",
            "fields": self.manager.to_data(),
            "root": str(self.folder),
            "name": self.name,
            "worker": name,
            "mode": "count",
            "progress": True,
            "log": str(self.folder / f"{name}.log"),
            "seconds": self._end - time.monotonic(),
            "timeout_s": max(5.0, self.seconds),
            **({"die": list(die)} if die else {}),
            **self.task,
        }
        environment = {**os.environ, **self.environments[number % len(self.environments)]}
        with (self.folder / f"{name}.out").open("wb") as output, (self.folder / f"{name}.err").open("wb") as errors:
            command = [sys.executable, "-m", "mlem.testing.history.worker", json.dumps(task)]
            # S603: the command is our own
            process = subprocess.Popen(command, stdout=output, stderr=errors, stdin=subprocess.DEVNULL, env=environment)  # noqa: S603
        self._workers.append(_Worker(name, process))

    def _strike(self) -> None:
        worker = self._random.choice(self._workers)
        blow = self._random.choice(["kill", "point", "pause", "pause", "none"])
        if blow == "pause" and not worker.paused_until:
            ttl_s = float(getattr(self.manager, "ttl_s", 1.0))
            with contextlib.suppress(ProcessLookupError):
                worker.process.send_signal(signal.SIGSTOP)
                worker.paused_until = time.monotonic() + self._random.uniform(0.5, 2.5) * ttl_s
                self._paused += 1
        elif blow in ("kill", "point"):
            self._kill(worker)
            point = (self._random.choice(["before write", "after write"]), self._random.randint(1, 6))
            self._start(point if blow == "point" else None)

    def _kill(self, worker: _Worker) -> None:
        worker.killed = True
        worker.process.kill()
        worker.process.wait()
        self._workers.remove(worker)
        self._gone.append(worker)

    def _wake(self, now: float) -> None:
        for worker in self._workers:
            if worker.paused_until and worker.paused_until <= now:
                with contextlib.suppress(ProcessLookupError):
                    worker.process.send_signal(signal.SIGCONT)
                worker.paused_until = 0.0

    def _replace_dead(self) -> None:
        for worker in [worker for worker in self._workers if worker.process.poll() is not None]:
            worker.killed = worker.process.returncode != 0
            self._workers.remove(worker)
            self._gone.append(worker)
            self._start()

    def _finish(self) -> list[str]:
        self._wake(float("inf"))
        deadline = time.monotonic() + _GRACE_S + self.seconds
        stuck = []
        for worker in self._workers:
            try:
                worker.process.wait(max(0.1, deadline - time.monotonic()))
                worker.killed = worker.process.returncode != 0
            except subprocess.TimeoutExpired:
                stuck.append(worker.name)
                worker.process.kill()
                worker.process.wait()
        return stuck

    def _judge(self, manager: StateManager, stuck: Sequence[str]) -> Verdict:
        state = read_state(manager.store(self.folder), self.name).state
        count = dict(state.records.get("count", {})) if state else {}
        by, total = count.get("by", {}), count.get("total", 0)
        lost = [f"the total is {total}, the parts are {sum(by.values())}"] if total != sum(by.values()) else []
        done = 0
        killed = 0
        everybody = [*self._gone, *self._workers]
        for worker in everybody:
            report = self._report(worker.name)
            most = report["done"] + report["doubtful"]
            if not report["done"] <= by.get(worker.name, 0) <= most:
                lost.append(f"{worker.name} did {report['done']} to {most}, the state has {by.get(worker.name, 0)}")
            done += report["done"]
            killed += worker.killed
        history = load_history(sorted(self.folder.glob("*.log")), self.name)
        order: list[Operation] | None = linearize(history)
        return Verdict(
            operations=len(history),
            landed=sum(operation.kind == "write" for operation in order or ()),
            linearizable=order is not None,
            interleavings=interleavings(order or ()),
            lost=lost,
            total=total,
            done=done,
            killed=killed,
            paused=self._paused,
            stuck=stuck,
            crashed=[
                f"{worker.name}: {self._last_error(worker.name)}"
                for worker in everybody
                if worker.process.returncode not in (0, -9)
            ],
        )

    def _last_error(self, name: str) -> str:
        lines = (self.folder / f"{name}.err").read_text(errors="replace").splitlines()
        return lines[-1] if lines else "said nothing"

    def _report(self, name: str) -> dict[str, int]:
        """Return the last report that a worker wrote whole."""
        for line in reversed((self.folder / f"{name}.out").read_bytes().splitlines()):
            with contextlib.suppress(ValueError):
                report: dict[str, int] = json.loads(line)
                if "done" in report:
                    return report
        return {"done": 0, "doubtful": 0}
