"""`Deadline`: when a call must be done, with all of its parts."""

from __future__ import annotations

import time


class Deadline:
    """When something must be done: name resolution, connecting, writing and reading together.

    Args:
        seconds: How long from now.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left_s(self) -> float:
        """Return the seconds that are left; when it is not positive, there are none."""
        return self._end - time.monotonic()

    def expect_time(self) -> float:
        """Return the seconds that are left.

        Raises:
            TimeoutError: There are none.
        """
        left_s = self.left_s()
        if left_s <= 0:
            raise TimeoutError(f"more than {self.seconds:g} s")
        return left_s

    def sooner(self, seconds: float) -> Deadline:
        """Return a deadline that passes after some seconds, or together with this one."""
        return Deadline(min(seconds, self.left_s()))

    def renew(self) -> None:
        """Start again: the next item of a stream has as much time as the first."""
        self._end = time.monotonic() + self.seconds
