"""`BuildLog`: the Engine's messages of a build: a line of progress for each step, and the log with every line."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mlem_provider_docker.images.in_image.write_pins import CHOSEN
from mlem_provider_docker.images.progress.layers import Layers

LAST_LINES = 15
Report = Callable[[str], None]
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_STEP = re.compile(r"^Step (\d+)/(\d+) : (.*)", re.DOTALL)
_CACHED = "---> Using cache"
_NOISE = ("--->", "Removing intermediate container")
"""How lines begin that tell of the Engine's own images and containers."""
_LONGEST = 500
"""So many characters of an instruction are part of the log: one has a whole program."""
_CHOSEN = re.compile(rf"^{re.escape(CHOSEN)} (\d{{1,5}})$")


class BuildLog:
    """Follows a build.

    Args:
        steps: What each step does, in words; empty for one without a line of its own.
        report: Called with lines of progress.
        chosen: Says what the packages are, once it is known how many there are; its lines replace those of `steps`.

    Attributes:
        step: The step under way: ``13/29``.
        command: Its instruction, on one line.
        words: What it does, in words; the instruction where there are none.
        lines: The last lines that it printed.
    """

    def __init__(self, steps: Sequence[str], report: Report, chosen: Callable[[int], Sequence[str]]) -> None:
        self.step, self.command, self.words, self.lines = "", "", "", deque[str](maxlen=LAST_LINES)
        self._steps, self._report, self._chosen = steps, report, chosen
        self._held: list[str] = []
        self._layers: Layers | None = None

    def follow(self, messages: Iterable[Mapping[str, Any]], guard: Callable[[], None]) -> str | None:
        """Take all messages, and return the error that the build ended with; None without one.

        Args:
            messages: The Engine's.
            guard: Called between steps; what it raises ends the build.
        """
        for message in messages:
            if "error" in message:
                self._begin()
                return str(message["error"]).strip()
            text = _COLOURS.sub("", str(message.get("stream") or ""))
            found = _STEP.match(text)
            if found:
                guard()
                self._next(int(found[1]), int(found[2]), " ".join(found[3].split()))
            else:
                self._take(text)
            if message.get("status"):
                self._pull(message)
        return None

    def _next(self, number: int, of: int, command: str) -> None:
        self._begin()
        self.step, self.command, self._layers = f"{number}/{of}", command, None
        self.lines.clear()
        shown = command if len(command) <= _LONGEST else f"{command[:_LONGEST]}..."
        said = self._steps[number - 1] if len(self._steps) == of else ""
        self.words = said or shown
        self._held = [*filter(None, [said]), f"  step {self.step}: {shown}"]
        if not command.startswith("RUN"):
            self._begin()  # the Engine says no more of it until it is done

    def _begin(self) -> None:
        for line in self._held:
            self._report(line)
        self._held = []

    def _take(self, text: str) -> None:
        for line in filter(str.strip, text.splitlines()):
            if _CACHED in line:
                self._held = self._held[-1:]  # it was done by an earlier build: no step of this one
            self._begin()
            if line.lstrip().startswith(_NOISE):
                continue
            self.lines.append(line.rstrip())
            self._report(f"  {line.rstrip()}")
            chosen = _CHOSEN.match(line)
            if chosen:
                self._steps = self._chosen(int(chosen[1]))

    def _pull(self, message: Mapping[str, Any]) -> None:
        if self._layers is None:
            self._layers = Layers(self._report)
            name = self.command.split()[1] if self.command.startswith("FROM ") else "a base image"
            self._report(f"pulling {name}")
        if not self._layers.take(message):
            self._report(f"  {message['status']}")
