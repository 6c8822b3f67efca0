"""`Pace`: whether a model is so quick that its calls need no thread of their own."""

from __future__ import annotations

QUICK_S = 0.001
"""A call that takes longer is left to the model's thread: others should not wait for it."""
SLOW_S = 0.002
"""A model that takes longer on average is no longer quick."""
_SHARE = 0.125
_CALLS = 16


class Pace:
    """How long calls of a model take, the last ones weighing most.

    Attributes:
        quick: Whether the next call will most likely be quick.
    """

    def __init__(self) -> None:
        self.quick = False
        self._mean_s = 0.0
        self._calls = 0

    def took(self, seconds: float) -> None:
        """Note what a call took."""
        self._mean_s += (seconds - self._mean_s) * _SHARE
        self._calls = min(self._calls + 1, _CALLS)
        self.quick = self._mean_s < (SLOW_S if self.quick else QUICK_S) and self._calls == _CALLS

    def was_slow(self) -> None:
        """Note that a call took far too long: the next ones have to show again that they are quick."""
        self.quick, self._calls = False, 0
