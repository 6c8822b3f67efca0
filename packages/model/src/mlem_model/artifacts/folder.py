"""A folder of files as artifacts: each with a digest of its own, and all of them beside the metadata."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TypeVar

from mlem_model.artifacts.artifact import Artifact
from mlem_model.artifacts.transfer import Opener, copy, join, open_artifact, open_content, verified, write_artifact
from mlem_model.errors import DeclarationError, UserError

MOST_FILES = 1000
ResultT = TypeVar("ResultT")


def write_files(
    path: Path, write: Callable[[Path], ResultT], kind: str, key: str
) -> tuple[dict[str, Artifact], ResultT]:
    """Write a folder, and make each of its files an artifact beside the others.

    Args:
        path: What the files' names begin with: ``models/bert`` for ``models/bert.config.json``.
        write: Writes the files into the folder that it is given.
        kind: The artifacts' format.
        key: What their keys begin with: ``data`` for ``data/config.json``.

    Returns:
        The artifacts by key, and what ``write`` returned.

    Raises:
        UserError: There are none, or too many.
    """
    with tempfile.TemporaryDirectory(prefix=".", suffix=".files", dir=path.parent) as name:
        folder = Path(name)
        result = write(folder)
        files = sorted(item for item in folder.rglob("*") if item.is_file() and not item.is_symlink())
        if not 0 < len(files) <= MOST_FILES:
            raise UserError(f"a {kind} model has {len(files)} files: expected 1 to {MOST_FILES}", code="odd-files")
        found: dict[str, Artifact] = {}
        for file in files:
            inside = file.relative_to(folder).as_posix()
            target = path.with_name(f"{path.name}.{inside.replace('/', '.')}")
            while target.exists():
                target = target.with_name(f"{target.stem}_{target.suffix}")
            with file.open("rb") as content:
                artifact, _ = write_artifact(target, partial(shutil.copyfileobj, content), kind)
            found[f"{key}/{inside}"] = artifact
            file.unlink()
    return found, result


def files_of(artifacts: Mapping[str, Artifact], key: str) -> dict[str, Artifact]:
    """Return the artifacts of a folder by their paths in it; empty where the artifact is a single file.

    Raises:
        DeclarationError: A path leads out of the folder.
    """
    start = f"{key}/"
    found = {name.removeprefix(start): artifact for name, artifact in artifacts.items() if name.startswith(start)}
    for inside in found:
        path = PurePosixPath(inside)
        odd = not inside.isprintable() or "\\" in inside or path.as_posix() != inside or path.is_absolute()
        if odd or ".." in path.parts or not path.name:
            raise DeclarationError(f"artifacts: expected the path of a file in the model's folder, got {inside!r}")
    return found


@contextlib.contextmanager
def laid_out(artifacts: Mapping[str, Artifact], folder: Path | str, opener: Opener = open_artifact) -> Iterator[Path]:
    """Lay verified files out in a folder of their own, under the names that they were saved with.

    Args:
        artifacts: What `files_of` returned.
        folder: The folder, or URL, of the ``.mlem`` file.
        opener: Opens an address.

    Yields:
        The folder; it has links to the files of this machine, and copies of others, and is removed afterwards.

    Raises:
        ConflictError: A file is not what was saved.
        NotFoundError: A file is not there.
    """
    with tempfile.TemporaryDirectory(prefix="mlem-model-") as name:
        for inside, artifact in artifacts.items():
            target = Path(name) / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            if "://" in join(folder, artifact.uri):
                copy(artifact, folder, target, opener)
                continue
            with verified(artifact, folder, opener):
                opened, address = open_content(artifact, folder, opener)
                opened.close()
                os.symlink(Path(address).resolve(), target)
        yield Path(name)
