"""Lines of a log by their time: those of our server begin with it, and so do those of most platforms."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime

_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?")


def time_of(line: str) -> datetime | None:
    """Return the time that a line begins with, ISO 8601, in UTC where it does not say; None where there is none."""
    found = _TIME.match(line)
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(found[0].replace(",", "."))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def since(lines: Iterator[str], moment: datetime) -> Iterator[str]:
    """Yield the lines from the first that was written at a moment or later.

    Lines without a time, as those of a traceback, belong to the line before.

    Args:
        lines: A log, oldest line first.
        moment: The moment, with its time zone.
    """
    begun = False
    for line in lines:
        if not begun:
            at = time_of(line)
            begun = at is not None and at >= moment
        if begun:
            yield line


def last(lines: Iterator[str], count: int | None) -> Iterator[str]:
    """Yield the last lines of a log that ends; all when the count is None."""
    yield from lines if count is None else deque(lines, maxlen=count)
