"""Fetching wheels: by pip, with the user's settings and credentials, each compared with its hash."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from mlem import ConflictError
from mlem_image.packages.commands import pip
from mlem_image.packages.locked import LockedWheel
from mlem_image.packages.target import Target


def fetch(wheels: Sequence[LockedWheel], target: Target, folder: Path, own: Path | None = None) -> dict[str, Path]:
    """Fetch wheels.

    Args:
        wheels: The wheels.
        target: What they are for.
        folder: Where they are put.
        own: Where wheels are that no index has; None for nowhere.

    Returns:
        The file of each, by the package's name.

    Raises:
        ConflictError: The index has another file than the one that was chosen.
        MlemError: It does not answer, or refuses.
    """
    if not wheels:
        return {}
    lines = folder / "requirements.txt"
    lines.write_text("".join(f"{wheel.line}\n" for wheel in wheels), encoding="utf-8")
    version = target.python.replace(".", "")
    pip(
        [
            *("download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", str(folder)),
            *("--disable-pip-version-check", "--no-input", "--python-version", target.python),
            *("--implementation", "cp", "--abi", f"cp{version}", "--abi", "abi3", "--abi", "none"),
            *(word for platform in target.platforms for word in ("--platform", platform)),
            *(("--find-links", str(own)) if own is not None else ()),
            *("--requirement", str(lines)),
        ]
    )
    found = {}
    for wheel in wheels:
        path = folder / wheel.file
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != wheel.sha256:
            raise ConflictError(f"{wheel.file} is not the file that was chosen", code="hashes-differ")
        found[wheel.name] = path
    return found
