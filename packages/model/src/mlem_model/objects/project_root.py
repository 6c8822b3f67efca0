"""The folder of a project: the nearest one with the project's file."""

from __future__ import annotations

from pathlib import Path

CONFIG_NAME = ".mlem.yaml"


def find_root(start: Path) -> Path | None:
    """Return the nearest folder with a ``.mlem.yaml``, from a folder upwards; None when there is none."""
    for folder in (start, *start.parents):
        if (folder / CONFIG_NAME).is_file():
            return folder
    return None
