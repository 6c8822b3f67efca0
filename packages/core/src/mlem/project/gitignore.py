"""The lines of a project's ``.gitignore``.

States and locks change with every run, and git neither locks nor merges them.
"""

from __future__ import annotations

from pathlib import Path

from mlem_model.objects.files import unusable, write_atomic
from mlem_model.objects.object import EXTENSION

NAME = ".gitignore"
LINES = (
    "# states and locks of deployments: made by every run, for one machine or kept in a shared store",
    f"*{EXTENSION}.state",
    f"*{EXTENSION}.state.*",
    "# for editors, of what is installed here: mlem init makes it",
    ".mlem.schema.json",
)


def ignore_states(folder: Path) -> None:
    """Add states and locks to a folder's ``.gitignore``; one that already mentions states is left alone.

    Raises:
        UserError: The file can't be read or written.
    """
    path = folder / NAME
    try:
        content = path.read_bytes() if path.exists() else b""
        if f"{EXTENSION}.state".encode() in content:
            return
        separator = b"" if not content or content.endswith(b"\n") else b"\n"
        write_atomic(path, content + separator + "\n".join(LINES).encode() + b"\n")
    except OSError as error:
        raise unusable(path, error, "write") from error
