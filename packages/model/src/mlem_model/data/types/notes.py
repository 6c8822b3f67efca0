"""Notes about data that fits a type, but not exactly: an unknown column, a category never seen.

A decoder may collect them to tell the caller, or refuse such data: see `collecting`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field

from mlem_model.errors import DataError

MOST = 20
"""At most this many notes are kept for one value."""


@dataclass
class Notes:
    """The notes of one call.

    Attributes:
        strict: Whether such data is refused.
        exact: Whether a number of another class is refused where it would convert without loss: 2.0 for an integer, 2
            for a float.
        lines: The notes, in plain words.
    """

    strict: bool = False
    exact: bool = False
    lines: list[str] = field(default_factory=list)


_notes: ContextVar[Notes | None] = ContextVar("mlem_data_notes", default=None)


@contextlib.contextmanager
def collecting(*, strict: bool = False, exact: bool = False) -> Iterator[Notes]:
    """Collect notes while this context lasts.

    Args:
        strict: Refuse data that would be noted.
        exact: Refuse numbers of another class.
    """
    notes = Notes(strict, exact)
    token = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(token)


def is_exact() -> bool:
    """Whether numbers of another class are refused."""
    notes = _notes.get()
    return notes is not None and notes.exact


def note(line: str, refusal: DataError) -> None:
    """Note how data was changed to fit, where somebody collects notes.

    Args:
        line: How it was changed.
        refusal: What to raise where such data is refused.

    Raises:
        DataError: The refusal.
    """
    notes = _notes.get()
    if notes is None:
        return
    if notes.strict:
        raise refusal
    if len(notes.lines) < MOST and line not in notes.lines:
        notes.lines.append(line)
