"""Folders of files that somebody else may have written: looked at before a framework reads any of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlem_model.errors import UserError

MOST_TEXT_BYTES = 128 * 2**20
"""A vocabulary in JSON has up to some 40 MiB."""
_DEEPEST = 100


def expect_own_files(folder: Path) -> None:
    """Refuse a folder with a link that leads out of it.

    A folder of Hugging Face's cache has links into the ``blobs`` beside its snapshots, and only there:
    https://huggingface.co/docs/huggingface_hub/guides/manage-cache (read 2026-11).

    Args:
        folder: The folder.

    Raises:
        UserError: It has such a link.
    """
    home = folder.resolve()
    homes = [home, home.parent.parent / "blobs"] if home.parent.name == "snapshots" else [home]
    for item in sorted(folder.rglob("*")):
        if item.is_symlink() and not any(item.resolve().is_relative_to(one) for one in homes):
            raise UserError(
                f"{folder.name} has a link that leads out of it: {item.relative_to(folder).as_posix()!r}",
                code="outside",
                hint="copy the file that it leads to into the folder, if it belongs to the model",
            )


def read_json(path: Path, code: str, most_bytes: int = MOST_TEXT_BYTES) -> Any:
    """Read a file in JSON that is not too large, and not nested too deeply for whoever reads it next.

    Args:
        path: The file.
        code: The code of the error for a file that is none.
        most_bytes: How large it may be.

    Raises:
        UserError: It is missing, is not JSON, or is too large.
    """
    try:
        expect_size(path, most_bytes)
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path.name} is not a file in JSON: {str(error)[:200]}", code=code) from error
    if next((True for depth, _, _ in fields(found) if depth > _DEEPEST), False):
        raise UserError(f"{path.name} is not a file in JSON: it is nested too deeply", code=code)
    return found


def expect_size(path: Path, most_bytes: int = MOST_TEXT_BYTES) -> None:
    """Refuse a file of text that is larger than any of its kind.

    Raises:
        UserError: It is.
        OSError: It is not there.
    """
    size = path.stat().st_size
    if size > most_bytes:
        raise UserError(
            f"{path.name} has {size // 2**20} MiB, where {most_bytes // 2**20} MiB are the most", code="too-large"
        )


def fields(data: Any, depth: int = 0) -> Iterator[tuple[int, str, Any]]:
    """Yield each field of each mapping in some JSON, and how deep it lies; items of lists have no name."""
    pending = [(depth, "", data)]
    while pending:
        level, name, item = pending.pop()
        yield level, name, item
        if isinstance(item, dict):
            pending += [(level + 1, str(key), value) for key, value in item.items()]
        elif isinstance(item, list):
            pending += [(level + 1, "", value) for value in item]
