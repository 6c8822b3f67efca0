"""The summary of a CI job: Markdown on the page of the run, beside its log."""

from __future__ import annotations

import os
from pathlib import Path

from mlem.cli.terminal.messages import warn
from mlem.cli.terminal.workflow_commands import in_actions

LIMIT_BYTES = 1024 * 1024
"""How much a step may write: more of it, and nothing of it is shown.

Source: GitHub, "Workflow commands for GitHub Actions", section "Adding a job summary" (read 2026-11).
"""


def add(markdown: str) -> None:
    """Append to the summary of the job, where this process is a step of GitHub Actions.

    What can't be written is a warning: the command has done its work.
    """
    place = os.environ.get("GITHUB_STEP_SUMMARY")
    if not place or not in_actions():
        return
    path, content = Path(place), f"{markdown}\n\n".encode("utf-8", "backslashreplace")
    try:
        there = path.stat().st_size if path.exists() else 0
        if there + len(content) > LIMIT_BYTES:
            warn(f"the job summary has no room for {len(content)} bytes more: GitHub shows up to 1 MiB for a step")
            return
        with path.open("ab") as file:
            file.write(content)
    except OSError as error:
        warn(f"the job summary can't be written: {place}: {error.strerror}")
