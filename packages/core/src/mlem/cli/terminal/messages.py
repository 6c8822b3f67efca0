"""What reaches a terminal is only text: a log, a file or a model's error may contain control sequences."""

from __future__ import annotations

import re
from typing import Any

import click

from mlem.cli.terminal.workflow_commands import annotation, disarmed, in_actions

quiet = False
"""Whether this call of the command line shows results, warnings and errors alone."""
verbose = False
"""Whether it also shows all that goes on in a step: the log of a build, the bytes of a transfer."""

_COLOURS = re.compile(r"\x1b\[[0-9;:]*m")
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and newline, and those that turn the direction of what follows.

Source: ECMA-48, 5th edition, 5.2 (C0) and 5.3 (C1); Unicode Standard Annex 9, 2.1 to 2.4 (read 2026-11).
"""

WARNING = "warning: "
"""How a line of progress begins that is a warning."""


def plain(text: str) -> str:
    """Return a text that nobody obeys: colours are removed, other control characters are shown as escapes.

    In CI, so are the characters by which a command to the job's runner begins.
    """
    return disarmed(OBEYED.sub(_shown, _COLOURS.sub("", text.replace("\r\n", "\n"))))


def say(text: Any = "", *, err: bool = False, nl: bool = True, label: str = "") -> None:
    """Print a text.

    Args:
        text: What to print; whatever is in it is shown, not obeyed.
        err: Whether on stderr.
        nl: Whether a newline follows.
        label: What comes before the text, unchanged: our own words in a colour.
    """
    click.echo(label + plain(str(text)), err=err, nl=nl)


def note(text: str) -> None:
    """Print on stderr what is good to know, and progress, unless ``--quiet`` was given; warnings are always printed."""
    if text.startswith(WARNING):
        warn(text.removeprefix(WARNING))
    elif not quiet:
        say(text, err=True)


def warn(text: str) -> None:
    """Print a warning on stderr; in GitHub Actions it is shown on the page of the run too."""
    say(f"{WARNING}{text}", err=True)
    annotate("warning", "mlem", text)


def annotate(kind: str, title: str, message: str) -> None:
    """Have an error or a warning shown on the page of the run, in GitHub Actions; nowhere else.

    Args:
        kind: ``error`` or ``warning``.
        title: Its title.
        message: What it says.
    """
    if in_actions():
        click.echo(annotation(kind, plain(title), plain(message)), err=True)


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
