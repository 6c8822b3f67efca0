"""`Deadline`: until when a call may take, whatever it consists of."""

from __future__ import annotations

import time


class Deadline:
    """Until when something may take: name resolution, connecting, writing and reading together.

    Args:
        seconds: How long from now on.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left_s(self) -> float:
        """Return the seconds that are left; none are when it is not positive."""
        return self._end - time.monotonic()

    def expect_time(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: None are.
        """
        left_s = self.left_s()
        if left_s <= 0:
            raise TimeoutError(f"more than {self.seconds:g} s")
        return left_s

    def sooner(self, seconds: float) -> Deadline:
        """Return a deadline that is over after some seconds, or with this one."""
        return Deadline(min(seconds, self.left_s()))

    def renew(self) -> None:
        """Begin anew: the next item of a stream has as much time as the first."""
        self._end = time.monotonic() + self.seconds
