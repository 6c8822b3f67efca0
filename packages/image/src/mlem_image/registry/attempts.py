"""`Attempts`: how often something is repeated when a connection is cut or the registry is busy."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from mlem import MlemError

ATTEMPTS = 5
BUSY = (408, 429, 500, 502, 503, 504)
_FIRST_PAUSE_S = 0.3
_MOST_PAUSE_S = 30.0
Wait = Callable[[float], None]
"""Waits for a number of seconds."""


class Interrupted(Exception):  # no error yet: the same may succeed a moment later
    """A connection was cut, or the registry is busy.

    Args:
        error: The error for the user, if it does not get better.
        retry_after: When to ask again, as the registry says; None where it does not.
    """

    def __init__(self, error: MlemError, retry_after: str | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.retry_after = retry_after


class Attempts:
    """The attempts at one thing.

    Args:
        wait: Waits between them.
    """

    def __init__(self, wait: Wait = time.sleep) -> None:
        self._wait = wait
        self._failed = 0

    def failed(self, cause: Interrupted) -> None:
        """Wait until the next attempt.

        Raises:
            MlemError: That was the last one.
        """
        self._failed += 1
        if self._failed == ATTEMPTS:
            raise cause.error from cause
        self._wait(_pause_s(self._failed, cause.retry_after))

    def moved_on(self) -> None:
        """Count from the beginning: something has arrived."""
        self._failed = 0


def _pause_s(attempt: int, retry_after: str | None) -> float:
    if retry_after is not None and retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after), _MOST_PAUSE_S)
    return float(_FIRST_PAUSE_S * 2 ** (attempt - 1) * (0.5 + random.random()))  # noqa: S311  # no secret
