"""Durations as people write them: ``90min``, ``2h``, ``7d``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

UNITS_S = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_SPELLINGS = {"sec": "s", "m": "min", "hour": "h", "hours": "h", "day": "d", "days": "d", "week": "w", "weeks": "w"}
_DURATION = re.compile(r"\s*(\d{1,9}(?:\.\d{1,6})?)\s*([a-z]*)\s*")
LONGEST_S = 10 * 366 * 86400
"""The longest duration: ten years."""


def seconds(text: str) -> float:
    """Return a duration in seconds.

    Args:
        text: A number with a unit: ``s``, ``min``, ``h``, ``d`` or ``w``.

    Raises:
        ValueError: It is no duration, not more than 0, or longer than ten years.
    """
    found = _DURATION.fullmatch(text)
    unit = _SPELLINGS.get(found[2], found[2]) if found else ""
    if found is None or unit not in UNITS_S:
        raise ValueError("expected a duration with its unit, for example 90min, 2h or 7d")
    length_s = float(found[1]) * UNITS_S[unit]
    if not 0 < length_s <= LONGEST_S:
        raise ValueError("expected a duration of more than 0 s, and of at most ten years")
    return length_s


def in_words(length_s: float) -> str:
    """Return a duration in its largest whole unit: ``3 h``."""
    for unit in ("d", "h", "min"):
        if length_s >= UNITS_S[unit]:
            return f"{int(length_s // UNITS_S[unit])} {unit}"
    return f"{max(0, int(length_s))} s"


def expiry(ttl: str | None) -> str | None:
    """Return when something expires that lives for a duration from now, UTC, ISO 8601; None where it stays."""
    if ttl is None:
        return None
    return (datetime.now(UTC) + timedelta(seconds=seconds(ttl))).strftime("%Y-%m-%dT%H:%M:%SZ")


def is_over(at: str) -> bool:
    """Say whether a moment has passed: ISO 8601, with its time zone."""
    return datetime.fromisoformat(at) <= datetime.now(UTC)


def checked(text: str) -> str:
    """Return a duration as it is written, once it is known to be one; see `seconds`."""
    seconds(text)
    return text
