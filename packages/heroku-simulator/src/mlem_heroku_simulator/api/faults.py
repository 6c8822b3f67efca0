"""`Faults`: what goes wrong with calls of the API, by their number."""

from __future__ import annotations

import threading
from typing import Literal

Kind = Literal["timeout", "500", "503", "429", "401", "cut"]
"""``timeout``: no answer, and nothing done. ``cut``: done, and the connection closed before the answer. Else that
status, and nothing done."""


class Faults:
    """A plan of faults.

    Calls are counted from 1, since the plan was made.

    Args:
        plan: The fault of each call that has one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plan: dict[int, Kind] = {}
        self._count = 0

    def plan(self, plan: dict[int, Kind]) -> None:
        """Make another plan.

        The count starts again.
        """
        with self._lock:
            self._plan, self._count = dict(plan), 0

    def next(self) -> Kind | None:
        """Count a call, and return its fault."""
        with self._lock:
            self._count += 1
            return self._plan.get(self._count)

    @property
    def count(self) -> int:
        """How many calls came since the plan was made."""
        return self._count
