"""The same work for several things at once, each in a process of its own: what one does to itself, the others survive.

Threads would not do: a signal reaches the main thread alone, and the others can't be interrupted while they wait for a
network. A process is forked, so that nothing is imported twice.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mlem.cli.terminal.progress import Report
from mlem.deployments.edge import failure_of
from mlem_model.errors import MlemError, PlatformError
from mlem_model.interrupts import INTERRUPTS, pending

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkProcess

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

CAN_FORK = sys.platform.startswith("linux")
"""Elsewhere a forked process may not use the system's libraries, or there is none: one item comes after the other."""


@dataclass(frozen=True)
class Failed:
    """How the work for an item failed.

    Attributes:
        error: Why; None for a defect of ours.
        trace: Its traceback.
    """

    error: MlemError | None
    trace: str

    @classmethod
    def of(cls, raised: Exception) -> Failed:
        """Return how the work failed, from what it raised."""
        return cls(failure_of(raised), "".join(traceback.format_exception(raised)))


class Processes(Generic[ItemT, ResultT]):
    """Does the same with many items, some of them at once.

    Args:
        work: What is done with an item; it gets where the lines of progress go.
        report: Gets the lines of all items.
        parallel: How many are worked on at once.
    """

    def __init__(self, work: Callable[[ItemT, Report], ResultT], report: Report, *, parallel: int) -> None:
        self._work = work
        self._report = report
        self._parallel = parallel if CAN_FORK else 1
        self._running: dict[Connection, tuple[int, ForkProcess]] = {}
        self._found: dict[int, ResultT | Failed] = {}

    def all(self, items: Sequence[ItemT]) -> list[ResultT | Failed]:
        """Return what each item gave, in their order.

        An interrupt is passed on to every process once, and raised again when all of them have ended.
        """
        if self._parallel == 1:
            return [self._alone(item) for item in items]
        try:
            for index, item in enumerate(items):
                while len(self._running) >= self._parallel:
                    self._take()
                self._start(index, item)
            while self._running:
                self._take()
        except INTERRUPTS as interrupt:
            self._interrupt(interrupt)
            raise
        return [self._found[index] for index in range(len(items))]

    def _alone(self, item: ItemT) -> ResultT | Failed:
        try:
            return self._work(item, self._report)
        except Exception as error:
            return Failed.of(error)

    def _start(self, index: int, item: ItemT) -> None:
        from multiprocessing import get_context

        context = get_context("fork")
        receiver, sender = context.Pipe(duplex=False)
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
        try:
            process = context.Process(target=self._child, args=(item, sender, held))
            process.start()
            self._running[receiver] = (index, process)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        sender.close()

    def _child(self, item: ItemT, sender: Connection, held: set[signal.Signals]) -> None:
        """Work in the child: in a group of its own, so that the terminal's interrupt comes from the parent alone."""
        os.setpgid(0, 0)
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
            message: Mapping[str, Any] = {"found": self._work(item, lambda line: sender.send({"line": line}))}
        except INTERRUPTS:
            message = {}
        except Exception as error:
            message = {} if pending() else {"found": Failed.of(error)}
        for signal_ in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signal_, signal.SIG_IGN)  # it is over
        with contextlib.suppress(OSError):  # the parent is gone: the state has it all the same
            sender.send(message)

    def _take(self) -> None:
        """Take what has come from the processes, and wait for something where nothing has."""
        from multiprocessing.connection import Connection, wait

        for connection in wait(list(self._running)):
            if not isinstance(connection, Connection):
                continue
            index, process = self._running[connection]
            try:
                message = connection.recv()
            except EOFError:
                self._end(connection)
                process.join()
                if index not in self._found:
                    self._found[index] = Failed(_ended(process.exitcode), "")
                continue
            if "line" in message:
                self._report(message["line"])
            elif "found" in message:
                self._found[index] = message["found"]

    def _end(self, connection: Connection) -> None:
        del self._running[connection]
        connection.close()

    def _interrupt(self, interrupt: BaseException) -> None:
        """Pass an interrupt on to every process, and wait until they have left everything in order."""
        number = signal.SIGINT if isinstance(interrupt, KeyboardInterrupt) else signal.SIGTERM
        for _, process in self._running.values():
            if process.pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, number)
        while self._running:
            try:
                self._take()
            except INTERRUPTS as again:
                self._interrupt(again)


def _ended(code: int | None) -> MlemError:
    words = f"by signal {-code}" if code is not None and code < 0 else f"with {code}"
    return PlatformError(
        f"its process ended {words}, and said nothing",
        code="worker-ended",
        hint="what was done is on record: repeat the command to continue from there",
    )
