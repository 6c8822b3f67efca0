"""Back-off: how long to wait before a process that has ended is started again."""

from __future__ import annotations

import time

_GOOD_S = 60.0
_LONGEST_S = 30.0


class Backoff:
    """Pauses before starts: none at first, then 1 s, 2 s, 4 s ... up to 30 s; none again after a good minute.

    Attributes:
        pause_s: The pause between the last end and the next start.
    """

    def __init__(self) -> None:
        self._ends = 0
        self._due_at = 0.0
        self.pause_s = 0.0

    def ended(self, good_s: float) -> None:
        """Note an end.

        Args:
            good_s: How many seconds it has worked before.
        """
        if good_s >= _GOOD_S:
            self._ends = 0
        self.pause_s = min(_LONGEST_S, 2.0 ** (self._ends - 1)) if self._ends else 0.0
        self._ends += 1
        self._due_at = time.monotonic() + self.pause_s

    @property
    def left_s(self) -> float:
        """What is left of the pause."""
        return max(0.0, self._due_at - time.monotonic())

    @property
    def due(self) -> bool:
        """Whether it is over."""
        return not self.left_s
