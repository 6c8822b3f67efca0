"""What reaches a terminal is only text: a log, a file or a model's error may contain control sequences."""

from __future__ import annotations

import re
from typing import Any

import click

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and newline, and those that turn the direction of what follows.

Source: ECMA-48, 5th edition, 5.2 (C0) and 5.3 (C1); Unicode Standard Annex 9, 2.1 to 2.4 (read 2026-11).
"""


def plain(text: str) -> str:
    """Return a text without control sequences: colours are removed, other control characters are shown as escapes."""
    return OBEYED.sub(_shown, _COLOURS.sub("", text.replace("\r\n", "\n")))


def say(text: Any = "", *, err: bool = False, nl: bool = True, label: str = "") -> None:
    """Print a text.

    Args:
        text: What to print; whatever is in it is shown, not obeyed.
        err: Whether on stderr.
        nl: Whether a newline follows.
        label: What comes before the text, unchanged: our own words in a colour.
    """
    click.echo(label + plain(str(text)), err=err, nl=nl)


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
