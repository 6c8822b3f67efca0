"""How long to wait before a request is repeated."""

from __future__ import annotations

import random


def backoff_s(attempt: int, *, first_s: float, longest_s: float, jitter: float = 1.0) -> float:
    """Return a pause in seconds that doubles with each attempt, and is random in part, since others wait too.

    Args:
        attempt: How many attempts came before, from 0.
        first_s: The longest pause after the first attempt.
        longest_s: The longest pause of all.
        jitter: The part of the pause that is random, from 0 to 1.
    """
    most_s = min(longest_s, first_s * 2.0 ** min(attempt, 16))
    return most_s * (1 - jitter * random.random())  # noqa: S311  # spreads load, guards nothing
