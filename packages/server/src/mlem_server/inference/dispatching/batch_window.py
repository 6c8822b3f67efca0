"""`BatchWindow`: how long the next call of the model waits for callers that come back."""

from __future__ import annotations

SHARE = 0.5
LONGEST_S = 0.005


class BatchWindow:
    """Keeps callers who call again and again in one call of the model.

    Callers who got their answers together call again within a moment. If waiting calls went to the model at once,
    callers would fall into two groups that take turns, and each would wait for the other's call. So the next call waits
    until as many callers have come as there were last time, but at most half the time that the model took, and never
    longer than 5 ms. A single caller never waits: after an answer to one caller, with nobody waiting, nobody else is
    expected.
    """

    def __init__(self) -> None:
        self._company = 1
        self._until = 0.0

    def answered(self, now: float, took_s: float, callers: int, waiting: int) -> None:
        """Note that the model has answered.

        Args:
            now: The time, in seconds of the monotonic clock.
            took_s: How many seconds the model took.
            callers: How many it answered.
            waiting: How many came in the meantime.
        """
        self._company = callers + waiting
        self._until = now + min(took_s * SHARE, LONGEST_S) if self._company > 1 else 0.0

    def left_s(self, now: float, waiting: int) -> float:
        """Return how much longer waiting calls should wait for others.

        Args:
            now: The time, in seconds of the monotonic clock.
            waiting: How many wait.
        """
        return max(0.0, self._until - now) if waiting < self._company else 0.0
