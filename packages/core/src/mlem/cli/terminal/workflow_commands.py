"""Workflow commands of CI: what a job's runner obeys in the lines that a command prints.

GitHub's runner takes a line for a command that begins with ``::name``, whatever spaces are before it, or that has
``##[name]`` anywhere; an error that is printed so is shown beside the code of a pull request. What comes from others,
a log or a file, must not be taken for one.

Source: GitHub, "Workflow commands for GitHub Actions", sections "Setting an error message" and "Stopping and starting
workflow commands"; actions/runner, src/Runner.Common/ActionCommand.cs (``TryParseV2``, ``TryParse``, the escapes);
Microsoft, "Azure Pipelines logging commands" (read 2026-11).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

_UNSEEN = r"[^\w!-~\n]*"
"""Spaces, and characters that a comparison of .NET may leave out."""
_COMMAND = re.compile(rf"(?m)^(?P<before>{_UNSEEN}):(?={_UNSEEN}:)|#(?={_UNSEEN}#{_UNSEEN}(?:vso{_UNSEEN})?\[)")


def in_actions() -> bool:
    """Whether this process is a step of GitHub Actions, or of what works like it."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


def disarmed(text: str, escape: Callable[[str], str] = lambda sign: f"\\x{ord(sign):02x}") -> str:
    """Return a text in which a runner of GitHub or Azure finds no command; outside of them, the text as it is.

    Args:
        text: Lines for stdout or stderr.
        escape: Writes the character by which a command begins.
    """
    if not in_actions() and os.environ.get("TF_BUILD") != "True":
        return text
    return _COMMAND.sub(lambda match: f"{match['before'] or ''}{escape(match[0][-1])}", text)


def annotation(kind: str, title: str, message: str) -> str:
    """Return the command that shows a message beside the code: ``::error title=mlem::message``.

    Args:
        kind: ``error`` or ``warning``.
        title: Its title.
        message: One line or several.
    """
    return f"::{kind} title={_escaped(title).replace(':', '%3A').replace(',', '%2C')}::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
