"""Waiting in tests: for a condition, with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

FoundT = TypeVar("FoundT")


def wait_until(condition: Callable[[], FoundT], timeout_s: float = 60.0) -> FoundT:
    """Wait until something is so, and return what says so.

    Args:
        condition: Asked again and again; anything true ends the waiting.
        timeout_s: How long at most, in seconds; the machine may be busy.

    Raises:
        AssertionError: It was not so in time.
    """
    deadline = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.01)
    return found
