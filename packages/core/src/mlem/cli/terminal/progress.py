"""Progress on stderr: each step in words, what goes on in it, and at the end what took how long."""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Protocol

from mlem.cli.terminal import messages
from mlem.cli.terminal.messages import WARNING, note, warn
from mlem.project.ci import current_job

Report = Callable[[str], None]
"""Shows a line of progress."""
DETAIL = "  "
"""How a line begins that says what goes on within the step under way: the log of a build, bytes of a transfer."""
NOTE = "note: "
NOTICED_S = 1.0
"""What takes less is not told of at the end."""
_MOST_DETAILS = 20_000


class View(Protocol):
    """Where progress is shown."""

    def began(self, words: str) -> None:
        """Show that a step is under way."""

    def ended(self, words: str, took_s: float, *, failed: bool) -> None:
        """Show that it is over."""

    def detail(self, text: str) -> None:
        """Show what goes on in the step."""

    def aside(self, text: str) -> None:
        """Show a line that is no step: a note, a table of times, the log of what failed."""


@dataclass
class _Step:
    words: str
    began_s: float
    details: deque[str] = field(default_factory=lambda: deque(maxlen=_MOST_DETAILS))
    took_s: float | None = None


class Progress:
    """Takes lines of progress, and shows them.

    One that begins with two spaces says what goes on in the step under way, a warning or a note is no step, any other
    one begins the next step.

    Args:
        view: Where they are shown.
        clock: Says the time, in seconds.
    """

    def __init__(self, view: View, clock: Callable[[], float] = time.monotonic) -> None:
        self._view = view
        self._clock = clock
        self._began_s = clock()
        self._steps: list[_Step] = []

    def __call__(self, line: str) -> None:
        """Take a line."""
        if line.startswith(WARNING):
            warn(line.removeprefix(WARNING))
        elif line.startswith(DETAIL):
            if self._steps:
                self._steps[-1].details.append(line)
            self._view.detail(line)
        elif line.startswith(NOTE) or "\n" in line:
            self._view.aside(line)
        else:
            self._end()
            self._steps.append(_Step(line, self._clock()))
            self._view.began(line)

    def done(self, *, told: bool) -> None:
        """Show that all is done, and what took how long.

        Args:
            told: Whether the times are of interest.
        """
        self._end()
        if told:
            for line in self.times():
                self._view.aside(line)

    def failed(self, error: BaseException) -> None:
        """Show in which step it failed, with all that is known of what went on in it and is not in the error."""
        self._end(failed=True)
        told = next((step for step in reversed(self._steps) if step.details), None)
        if told is None or messages.verbose or not isinstance(error, Exception):
            return
        log, said = list(told.details), str(error)
        while log and log[-1].strip() in said:
            log.pop()
        if log:
            self._view.aside("\n".join([f"the log of: {told.words}", *log]))

    def times(self) -> list[str]:
        """Return lines that say what took how long; none where nothing took long."""
        total_s = self._clock() - self._began_s
        slow = [step for step in self._steps if step.took_s is not None and step.took_s >= NOTICED_S]
        if total_s < NOTICED_S or not slow:
            return []
        return [f"took {total_s:.1f} s", *(f"{DETAIL}{step.took_s:6.1f} s  {step.words}" for step in slow)]

    def _end(self, *, failed: bool = False) -> None:
        if self._steps and self._steps[-1].took_s is None:
            step = self._steps[-1]
            step.took_s = self._clock() - step.began_s
            self._view.ended(step.words, step.took_s, failed=failed)


class Lines:
    """A line for each step, as in a CI job's log: nothing is overwritten, and no line is taken back.

    Args:
        show: Gets the lines.
    """

    def __init__(self, show: Report = note) -> None:
        self._show = show

    def began(self, words: str) -> None:
        """See `View`."""
        self._show(words)

    def ended(self, words: str, took_s: float, *, failed: bool) -> None:
        """See `View`: the log has moved on."""

    def detail(self, text: str) -> None:
        """See `View`: with ``--verbose`` alone."""
        if messages.verbose:
            self._show(text)

    def aside(self, text: str) -> None:
        """See `View`."""
        self._show(text)


def on_terminal() -> bool:
    """Whether stderr is a terminal that somebody looks at: not that of a CI job, nor one that only has lines."""
    return sys.stderr.isatty() and os.environ.get("TERM", "") not in ("", "dumb") and current_job() is None


@contextmanager
def progress(*, times: bool = False) -> Iterator[Report]:
    """Show lines of progress on stderr: on a terminal the step under way with its time, elsewhere a line for each.

    With ``--quiet`` none, but warnings; with ``--verbose``, or if a step fails, also what went on in it.

    Args:
        times: Whether to say at the end what took how long.
    """
    with _view() as view:
        shown = Progress(view)
        try:
            yield shown
        except BaseException as error:
            shown.failed(error)
            raise
        shown.done(told=times)


@contextmanager
def lines(show: Report) -> Iterator[Report]:
    """Show lines of progress by a function, such as one that says whose they are; and at the end what took how long.

    Args:
        show: Gets the lines.
    """
    shown = Progress(Lines(show))
    try:
        yield shown
    except BaseException as error:
        shown.failed(error)
        raise
    shown.done(told=True)


def _view() -> AbstractContextManager[View]:
    if messages.quiet or not on_terminal():
        return nullcontext(Lines())
    from mlem.cli.terminal.live import Live

    return Live()
