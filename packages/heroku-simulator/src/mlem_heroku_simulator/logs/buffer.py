"""`LogBuffer`: the log of an app, as Heroku keeps it."""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime

from mlem_heroku_simulator.limits import LOG_LINES

_ALL = re.compile("")


class LogBuffer:
    """The last lines of an app, which can be followed.

    Attributes:
        closed: Whether the app is gone.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lines: deque[str] = deque(maxlen=LOG_LINES)
        self._written = 0
        self.closed = False

    def write(self, source: str, dyno: str, text: str) -> None:
        """Add a line: ``2026-11-24T08:00:00.000000+00:00 app[web.1]: text``."""
        stamp = datetime.now(UTC).isoformat(timespec="microseconds")
        with self._changed:
            self._lines.append(f"{stamp} {source}[{dyno}]: {text}")
            self._written += 1
            self._changed.notify_all()

    def close(self) -> None:
        """End all that follow: the app is gone."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()

    def last(self, lines: int, wanted: re.Pattern[str] = _ALL) -> list[str]:
        """Return the last lines, of those that begin as they are wanted."""
        with self._changed:
            return [line for line in self._lines if wanted.match(line)][-lines:]

    def follow(self, lines: int, wanted: re.Pattern[str] = _ALL, poll_s: float = 0.5) -> Iterator[str | None]:
        """Yield the last lines, then new ones until the app is gone.

        None now and then, so that a caller who left is noticed.
        """
        with self._changed:
            pending, seen = self.last(lines, wanted), self._written
        while True:
            yield from (line for line in pending if wanted.match(line))
            with self._changed:
                if self._written == seen and not self.closed:
                    self._changed.wait(poll_s)
                new = min(self._written - seen, len(self._lines))
                pending, seen, closed = list(self._lines)[-new:] if new else [], self._written, self.closed
            if closed and not pending:
                return
            if not pending:
                yield None
