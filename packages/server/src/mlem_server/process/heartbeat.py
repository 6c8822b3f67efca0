"""Heartbeat: a serving process writes to a pipe now and then; the process that watches it notices when that stops.

A model that holds Python's lock in C code stops everything in its process, even the event loop, so only another process
can notice. Before the model is loaded nothing is written or expected: loading may take any time.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable

from mlem_server.process.exit_codes import HANG_SIGNAL

_READ_BYTES = 65536
_DUMP_S = 5.0
_LONGEST_STEP_S = 1.0


class CappedClock:
    """A clock that counts only while somebody looks at it now and then.

    A container may be paused, a process stopped by Ctrl-Z, a machine may be out of processor time: real time goes on,
    although the process could not have done anything.
    """

    def __init__(self) -> None:
        self._looked = time.monotonic()

    def step_s(self) -> float:
        """Return the seconds since the last look, at most one."""
        now = time.monotonic()
        step_s, self._looked = now - self._looked, now
        return min(step_s, _LONGEST_STEP_S)


def heartbeat_writer(fd: int) -> Callable[[], None]:
    """Return a function that writes a sign of life.

    Args:
        fd: The writing end of the pipe.
    """
    os.set_blocking(fd, False)

    def beat() -> None:
        with contextlib.suppress(OSError):  # it is full, or nobody reads it any more
            os.write(fd, b".")

    return beat


class HeartbeatMonitor:
    """The signs of life of one process.

    Args:
        bound_s: How long they may be missing, in seconds; 0 for no limit.

    Attributes:
        fd: The reading end of the pipe.
        beat_fd: The end for the process, until it has it.
        seen: Whether there has been any: then the model is loaded.
        ended: Whether the process is gone, or has closed its end.
        given_up: Whether the process was told to end because there are none.
    """

    def __init__(self, bound_s: float) -> None:
        self.fd, self.beat_fd = os.pipe()
        os.set_blocking(self.fd, False)
        self._bound_s = bound_s
        self._silent_s = 0.0
        self.seen = False
        self.given_up = False
        self.ended = False

    def look(self, step_s: float) -> signal.Signals | None:
        """Return the signal to send to the process, if any: first one that makes it say where it is, then a sure end.

        Args:
            step_s: The seconds since the last look in which the process could have beaten.
        """
        if self._read():
            self.seen, self._silent_s = True, 0.0
            return None
        if not self.seen or not self._bound_s:
            return None
        self._silent_s += step_s
        if self._silent_s <= self._bound_s:
            return None
        if not self.given_up:
            self.given_up, self._silent_s = True, self._bound_s - _DUMP_S
            return HANG_SIGNAL
        self._silent_s = 0.0
        return signal.SIGKILL

    def _read(self) -> bool:
        try:
            read = os.read(self.fd, _READ_BYTES)
        except BlockingIOError:
            return False
        self.ended = not read
        return bool(read)

    def close(self) -> None:
        """Close the end to read from."""
        os.close(self.fd)
