"""`Layers`: how far the layers of an image are that are pushed or pulled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlem.provider import size_in_words

Report = Callable[[str], None]
_THERE = ("Layer already exists", "Mounted", "Already exists")
_OVER = ("Pushed", "Pull complete", "Download complete")
_MOVING = ("Pushing", "Downloading")
_STEPS = 50
"""So many times at most the bytes are told of, while a whole image moves."""


class Layers:
    """Tells how much of an image has moved, by the Engine's messages.

    Args:
        report: Called with lines of progress.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._known: dict[str, tuple[int, int]] = {}
        self._over: set[str] = set()
        self._told = (0, 0)

    def take(self, message: Mapping[str, Any]) -> bool:
        """Take a message of the Engine; return whether it is one on a layer."""
        layer, status = message.get("id"), str(message.get("status", ""))
        if not isinstance(layer, str) or status.startswith("Pulling from"):
            return False
        detail = message.get("progressDetail")
        current, total = (detail.get(key) for key in ("current", "total")) if isinstance(detail, Mapping) else (0, 0)
        known = self._known.setdefault(layer, (0, 0))
        if status.startswith(_MOVING) and isinstance(current, int) and isinstance(total, int) and total > 0:
            self._known[layer] = (min(current, total), total)
        elif status.startswith((*_THERE, *_OVER)):
            self._known[layer] = (known[1], known[1])
            self._over.add(layer)
        self._tell()
        return True

    def _tell(self) -> None:
        moved, whole = (sum(part) for part in zip(*self._known.values(), strict=True))
        over = len(self._over)
        if over == self._told[0] and (moved - self._told[1]) * _STEPS < max(whole, 1):
            return
        self._told = (over, moved)
        size = f", {size_in_words(moved)} of {size_in_words(whole)}" if whole else ""
        self._report(f"  {over} of {len(self._known)} layers{size}")


def sending(report: Report, size_bytes: int) -> Callable[[int], None]:
    """Return what is called with the size of each part that was sent, and tells how much of the whole it is.

    Args:
        report: Called with lines of progress.
        size_bytes: The size of the whole.
    """
    sent = told = 0

    def send(part_bytes: int) -> None:
        nonlocal sent, told
        sent += part_bytes
        if (sent - told) * _STEPS >= size_bytes:
            told = sent
            report(f"  {size_in_words(min(sent, size_bytes))} of {size_in_words(size_bytes)}")

    return send
