"""``--traceback``: prints where an error was raised, on stderr, for the person who repairs it."""

from __future__ import annotations

from mlem.cli.terminal.messages import say

wanted = False
"""Whether this call of the command line is to print them."""


def show(error: BaseException) -> None:
    """Print the traceback of an error, where it is wanted."""
    if wanted:
        import traceback

        say("".join(traceback.format_exception(error)), err=True, nl=False)


def show_text(trace: str) -> None:
    """Print a traceback that was kept as text, where it is wanted."""
    if wanted:
        say(trace, err=True, nl=False)
