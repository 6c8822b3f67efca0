"""Progress for a person at a terminal: the step under way moves, those that are over stay, with their times."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live as Region
from rich.spinner import Spinner
from rich.text import Text

from mlem.cli.terminal import messages
from mlem.cli.terminal.messages import plain

_PER_SECOND = 8
_SHORT_S = 0.05
"""What takes less has no time beside it."""


class Live:
    """The last line of a terminal, with what is done now and for how long; a context manager."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._spinner = Spinner("dots")
        self._words, self._detail, self._began_s = "working", "", time.monotonic()
        self._region = Region(
            console=self._console, get_renderable=self._line, transient=True, refresh_per_second=_PER_SECOND
        )

    def __enter__(self) -> Self:
        self._region.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._region.stop()

    def began(self, words: str) -> None:
        """Let the last line say it."""
        self._words, self._detail, self._began_s = plain(words), "", time.monotonic()
        self._region.refresh()

    def ended(self, words: str, took_s: float, *, failed: bool) -> None:
        """Leave a line of it above the last one."""
        took = "" if took_s < _SHORT_S and not failed else f"  {'failed after ' if failed else ''}{took_s:.1f} s"
        self._words, self._detail, self._began_s = "working", "", time.monotonic()
        self._console.print(Text.assemble((plain(words), "red" if failed else ""), (took, "dim")), soft_wrap=True)

    def detail(self, text: str) -> None:
        """Show it beside the step."""
        self._detail = plain(text).strip()
        if messages.verbose:
            self._console.print(Text(plain(text), style="dim"), soft_wrap=True)

    def aside(self, text: str) -> None:
        """Print it above the last line."""
        self._console.print(Text(plain(text), style="dim"), soft_wrap=True)

    def _line(self) -> Text:
        """Return the last line: never more than one, whatever the words."""
        elapsed = f"  {time.monotonic() - self._began_s:.0f} s"
        frame = self._spinner.render(time.monotonic())
        head = Text.assemble(frame if isinstance(frame, Text) else "", " ", self._words)
        if self._detail:
            head.append(f"  {self._detail}", style="dim")
        head.truncate(max(1, self._console.width - len(elapsed) - 1), overflow="ellipsis")
        return Text.assemble(head, (elapsed, "dim"), no_wrap=True, overflow="crop")
