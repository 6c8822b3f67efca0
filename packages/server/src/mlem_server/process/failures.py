"""Failures: an error in the form that people read on a terminal."""

from __future__ import annotations

import sys

from mlem_model.errors import MlemError


def render(error: MlemError) -> str:
    """Write an error as the ``mlem`` command does: code and message, known values, hint."""
    lines = [f"error[{error.code}]: {error.message}"]
    if error.known:
        lines.append(f"known: {', '.join(error.known)}")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines)


def report(error: MlemError) -> int:
    """Print an error; return the exit code for it."""
    print(render(error), file=sys.stderr, flush=True)
    return error.exit_code
