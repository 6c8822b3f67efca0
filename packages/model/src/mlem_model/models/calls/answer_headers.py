"""What an answer says beside its body.

The type of an answer that is not of the recorded type, and notes about the caller's data.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass

TYPE_HEADER = "mlem-answer-type"
"""The header of an answer that is not of the recorded type: its own type as JSON, or `UNNAMED`."""
NOTES_HEADER = "mlem-notes"
"""The header with a JSON list of notes about the caller's data; see `mlem_model.data.types.notes`."""
UNNAMED = "other"
MOST_CHARACTERS = 4000


@dataclass
class Heard:
    """What an answer said.

    Attributes:
        type: The value of `TYPE_HEADER`; None where the answer is of the recorded type.
        notes: Notes about the caller's data.
    """

    type: str | None = None
    notes: tuple[str, ...] = ()


_heard: ContextVar[Heard | None] = ContextVar("mlem_answer_headers", default=None)


@contextlib.contextmanager
def listening() -> Iterator[Heard]:
    """Collect what answers say while this context lasts; the last one counts."""
    heard = Heard()
    token = _heard.set(heard)
    try:
        yield heard
    finally:
        _heard.reset(token)


def hear(headers: Mapping[str, str]) -> None:
    """Note what an answer says, where somebody listens."""
    heard = _heard.get()
    if heard is not None:
        heard.type = headers.get(TYPE_HEADER)
        heard.notes = notes_of_header(headers.get(NOTES_HEADER))


def notes_header(lines: list[str]) -> str:
    """Return the value of `NOTES_HEADER`; notes that do not fit into it are left out."""
    kept: list[str] = []
    for line in lines:
        if len(json.dumps([*kept, line])) > MOST_CHARACTERS:
            break
        kept.append(line)
    return json.dumps(kept)


def notes_of_header(text: str | None) -> tuple[str, ...]:
    """Return the notes that a header has."""
    try:
        found = json.loads(text) if text and len(text) <= MOST_CHARACTERS else []
    except (ValueError, RecursionError):
        return ()
    return tuple(str(line) for line in found) if isinstance(found, list) else ()
