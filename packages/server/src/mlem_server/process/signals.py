"""Signals of a process that watches others: they are noted when they come, and handled where it waits."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
from collections.abc import Sequence
from types import FrameType

_SET_CHILD_SUBREAPER = 36
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""The signals that stop a server, which finishes its requests in flight."""


def has_terminal() -> bool:
    """Say whether this process belongs to a terminal, so that it has to end with it."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


class Signals:
    """Notes signals, and wakes up who waits for them.

    Args:
        numbers: The signals; the end of a child is always among them.
    """

    def __init__(self, numbers: Sequence[int]) -> None:
        self._awake, wake = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(wake, False)
        self._noted: list[int] = []
        for number in (*numbers, signal.SIGCHLD):
            signal.signal(number, self._note)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def wait(self, timeout_s: float, *others: int) -> list[int]:
        """Wait for a signal.

        Args:
            timeout_s: How long at most.
            others: File descriptors; waiting also ends when one of them can be read.

        Returns:
            What came since the last wait, the ends of children left out.
        """
        select.select([self._awake, *others], [], [], timeout_s)
        with contextlib.suppress(BlockingIOError):
            while os.read(self._awake, 4096):
                pass
        noted, self._noted = self._noted, []
        return noted

    def can_read(self, fd: int) -> bool:
        """Say whether a file descriptor can be read, or is at its end."""
        return bool(select.select([fd], [], [], 0)[0])

    def _note(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._noted.append(number)


def adopt_orphans() -> bool:
    """Become the parent of processes whose parent has ended, where those descend from this one.

    Source: https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html (read 2026-11).

    Returns:
        Whether the system can do that.
    """
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)
    except (OSError, AttributeError):  # another C library
        return False


def forget_signals(numbers: Sequence[int]) -> None:
    """Give signals their usual effect again, in a process that was forked from one that notes them.

    Args:
        numbers: The signals.
    """
    signal.set_wakeup_fd(-1)
    for number in (*numbers, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)


def reap_children() -> list[tuple[int, int]]:
    """Return the children that have ended since the last call, and their exit codes, negative for a signal.

    Whoever has the process id 1 gets the children of processes that have ended as well: they do not stay as zombies.
    """
    found = []
    with contextlib.suppress(ChildProcessError):
        while (one := os.waitpid(-1, os.WNOHANG))[0]:
            found.append((one[0], os.waitstatus_to_exitcode(one[1])))
    return found
