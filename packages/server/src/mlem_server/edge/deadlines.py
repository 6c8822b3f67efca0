"""Deadlines that callers send: after them nobody waits for the answer any more."""

from __future__ import annotations

from mlem_server.http.errors import HttpError

_LONGEST_S = 1e6


def timeout_of(header: bytes) -> float:
    """Return how many seconds a caller waits, by its header ``X-Request-Timeout``: ``2``, ``0.5``.

    Raises:
        HttpError: 400 for anything but a number above 0.
    """
    text = header.decode("latin-1").strip().removesuffix("s")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < _LONGEST_S:
        raise HttpError(
            400,
            "bad-timeout",
            f"X-Request-Timeout: expected seconds above 0, got {text[:40]!r}",
            hint="for example X-Request-Timeout: 2.5",
        )
    return seconds
