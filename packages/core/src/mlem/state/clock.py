"""The only clock that locks look at: it counts seconds of this machine, and is never compared with another's."""

from __future__ import annotations

import time


class Clock:
    """Seconds since some moment, also those that the machine slept through; a test puts its own in the place of it."""

    def monotonic(self) -> float:
        """Return the seconds since a fixed moment; setting the wall clock changes nothing.

        A laptop that was suspended with a lease in its hand has to see that it expired: ``time.monotonic`` stands still
        in that time on Linux, the boot clock goes on.
        """
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let some time pass."""
        time.sleep(seconds)
