"""The log of an app, through Heroku's log sessions."""

from __future__ import annotations

import time
from collections.abc import Iterator

from mlem import NotFoundError
from mlem_provider_heroku.api.platform import Heroku

_PAUSE_S = 1.0


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
