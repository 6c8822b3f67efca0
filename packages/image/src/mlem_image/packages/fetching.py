"""Fetching wheels: by pip, with the user's settings and credentials, each compared with its hash.

Several pips fetch parts of them at once: one spends most of its time on reading what the index has.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from packaging.utils import parse_wheel_filename

from mlem import ConflictError, CredentialsError, NotFoundError, PlatformError
from mlem_image.packages.commands import Pip
from mlem_image.packages.indexes import NO_INDEXES, Indexes
from mlem_image.packages.locked import LARGE_BYTES, LockedWheel
from mlem_image.packages.target import Target

AT_ONCE = 3
"""So many pips at most."""
_PAGE_BYTES = 3 * 2**20
"""What reading an index's page of a package takes, as bytes that could be fetched meanwhile."""
_TOGETHER = 40
"""So many small wheels are fetched by one pip: their layer can be made when the last of them is there."""


def fetch(
    wheels: Sequence[LockedWheel],
    target: Target,
    folder: Path,
    own: Path | None = None,
    indexes: Indexes = NO_INDEXES,
) -> Generator[dict[str, Path]]:
    """Fetch wheels; the first error ends all of it.

    Args:
        wheels: The wheels.
        target: What they are for.
        folder: Where they are put.
        own: Where wheels are that no index has; None for nowhere.
        indexes: Where packages are taken from, beyond the user's settings.

    Yields:
        The files of a part of them, by the package's name, as soon as they are there.

    Raises:
        ConflictError: The index has another file than the one that was chosen.
        MlemError: It does not answer, or refuses.
    """
    parts = split(wheels)
    with ThreadPoolExecutor(AT_ONCE, "mlem-fetch") as threads, Pip(indexes, folder) as pip:
        started = [
            threads.submit(_fetch, pip, part, target, folder / str(number), own, indexes)
            for number, part in enumerate(parts)
        ]
        for done in as_completed(started):
            yield done.result()


def split(wheels: Sequence[LockedWheel]) -> list[list[LockedWheel]]:
    """Split wheels into parts that take about as long as each other, the large wheels first."""
    small = sorted((wheel for wheel in wheels if wheel.size_bytes <= LARGE_BYTES), key=lambda wheel: wheel.name)
    units = [[wheel] for wheel in wheels if wheel.size_bytes > LARGE_BYTES]
    units += [small[begin : begin + _TOGETHER] for begin in range(0, len(small), _TOGETHER)]
    parts: list[list[LockedWheel]] = [[] for _ in range(AT_ONCE)]
    for unit in sorted(units, key=_cost, reverse=True):
        min(parts, key=_cost).extend(unit)
    return [part for part in parts if part]


def _cost(part: Sequence[LockedWheel]) -> int:
    return sum(wheel.size_bytes + _PAGE_BYTES for wheel in part)


def _fetch(
    pip: Pip, wheels: Sequence[LockedWheel], target: Target, folder: Path, own: Path | None, indexes: Indexes
) -> dict[str, Path]:
    folder.mkdir()
    words = [
        *("download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", str(folder)),
        *("--disable-pip-version-check", "--no-input", "--python-version", target.python, *_tags(wheels)),
        *(("--find-links", str(own)) if own is not None else ()),
    ]
    try:
        _run(pip, words, [*indexes.pip_lines, *(wheel.direct_line for wheel in wheels)], folder / "requirements.txt")
    except (CredentialsError, NotFoundError, PlatformError):  # an address that was good for a time, or on another host
        if not any(wheel.place for wheel in wheels):
            raise
        _run(pip, words, [*indexes.pip_lines, *(wheel.line for wheel in wheels)], folder / "requirements.txt")
    found = {}
    for wheel in wheels:
        path = folder / wheel.file
        with path.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        if digest != wheel.sha256:
            raise ConflictError(f"{wheel.file} is not the file that was chosen", code="hashes-differ")
        found[wheel.name] = path
    return found


def _run(pip: Pip, words: Sequence[str], lines: Sequence[str], file: Path) -> None:
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as opened:
        opened.writelines(f"{line}\n" for line in lines)  # which may have passwords
    pip.run([*words, "--requirement", str(file)])


def _tags(wheels: Sequence[LockedWheel]) -> Iterator[str]:
    """Yield arguments for pip that name the tags of these wheels; it takes long to compare with all that would fit."""
    tags = [tag for wheel in wheels for tag in parse_wheel_filename(wheel.file)[3]]
    yield from ("--implementation", "cp")
    for abi in sorted({tag.abi for tag in tags}):
        yield from ("--abi", abi)
    for platform in sorted({tag.platform for tag in tags} - {"any"}) or ["any"]:
        yield from ("--platform", platform)
