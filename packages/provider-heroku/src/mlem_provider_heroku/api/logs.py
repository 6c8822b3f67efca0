"""The log of an app, through Heroku's log sessions."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from mlem import NotFoundError
from mlem_provider_heroku.api.platform import Heroku

_PAUSE_S = 1.0
_OF_A_DYNO = re.compile(r"\S+ (app|heroku)\[(web\.\d+)\]: (.*)", re.DOTALL)
_START = "Starting process with "
"""What Heroku says of a dyno that it starts, with the command in backquotes or without. Source: logs of apps of the
stacks cedar to container that their owners have published (2012 to 2024, read 2026-11)."""


def read(heroku: Heroku, app_id: str, lines: int) -> Iterator[str]:
    """Yield the last log lines of an app."""
    yield from heroku.stream(heroku.log_session(app_id, lines, follow=False), follow=False)


def follow(heroku: Heroku, app_id: str, lines: int) -> Iterator[str]:
    """Yield log lines until the app is gone.

    Heroku ends each session after a while, and another one goes on.
    """
    last = ""
    while True:
        begun = time.monotonic()
        try:
            url = heroku.log_session(app_id, lines, follow=True)
        except NotFoundError:
            return
        for line in heroku.stream(url, follow=True):
            if line != last:
                yield line
            last = line
        lines = 1  # the next session begins with the line that was the last
        time.sleep(max(0.0, _PAUSE_S - (time.monotonic() - begun)))


def previous(lines: list[str]) -> list[str]:
    """Return the lines of each web dyno from its last start but one to its last, in the order of the log.

    Args:
        lines: What Heroku has of the log: of one that has fewer starts, all that comes before the last.
    """
    found: dict[str, list[list[str]]] = {}
    at: dict[str, int] = {}
    for number, line in enumerate(lines):
        match = _OF_A_DYNO.match(line)
        if match is None:
            continue
        lives = found.setdefault(match[2], [[]])
        if match[1] == "heroku" and match[3].startswith(_START):
            lives.append([])
        lives[-1].append(line)
        at[line] = number
    earlier = [line for lives in found.values() if len(lives) > 1 for line in lives[-2]]
    return sorted(earlier, key=lambda line: at[line]) if any(" app[web." in line for line in earlier) else []
