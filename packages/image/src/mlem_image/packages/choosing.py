"""Choosing packages: which versions and files fit the requirements and the machine; nothing is installed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from packaging.requirements import Requirement

from mlem import UserError
from mlem_image.cache.cache import Cache
from mlem_image.packages.commands import EXCLUDE, uv
from mlem_image.packages.indexes import NO_INDEXES, Indexes
from mlem_image.packages.locked import NO_HASHES, Allowed, LockedWheel, read_lock
from mlem_image.packages.sources import build, is_source, put
from mlem_image.packages.target import Target
from mlem_image.recipes.pins import Pins


def choose(
    cache: Cache,
    requirements: Sequence[str],
    target: Target,
    *,
    resolution: str = "",
    folder: Path | None = None,
    pins: Pins | None = None,
    indexes: Indexes = NO_INDEXES,
    allowed: Allowed = NO_HASHES,
) -> list[LockedWheel]:
    """Choose the packages of an image.

    What was chosen before for the same requirements is taken again: images of a model stay the same from day to day.

    Args:
        cache: What was chosen before.
        requirements: Lines for pip.
        target: What the packages are for.
        resolution: A word of the user's; another one has them chosen again.
        folder: Where wheels are that no index has; None for nowhere.
        pins: Packages that were chosen before, perhaps on another machine, and are taken again; None for none.
        indexes: Where packages are taken from, beyond the user's settings.
        allowed: Packages of which only some files may be taken.

    Raises:
        ConflictError: The index has other files of them.
        NotFoundError: A package has no wheel for the machine.
        DeclarationError: A package of a repository or a folder compiles something for this machine.
        UserError: The requirements exclude each other.
        PlatformError: The index does not answer.
    """
    own = sorted((path.name, path.stat().st_size) for path in folder.glob("*.whl")) if folder is not None else []
    built = {line: build(cache, line, target, indexes) for line in requirements if is_source(line)}
    more: list[object] = [indexes.key] if indexes.key else []  # without them, what was chosen before stays chosen
    more += sorted(wheel.sha256 for wheel in built.values())
    more += sorted([name, *hashes] for name, hashes in allowed.items())
    key = json.dumps([sorted(requirements), asdict(target), resolution, own, sorted(pins.lines) if pins else [], *more])
    known = cache.fact("set", key)
    if isinstance(known, list):
        return [LockedWheel(**item) for item in known]
    with cache.working() as work:
        lines = [_line_of(cache, line, built[line], work) if line in built else line for line in requirements]
        found = _chosen(work, lines, target, folder, pins, indexes, allowed) if requirements else []
    ours = {wheel.name: wheel for wheel in built.values()}
    found = [ours.get(wheel.name, wheel) for wheel in found]
    cache.note("set", key, [asdict(wheel) for wheel in found])
    return found


def _line_of(cache: Cache, line: str, wheel: LockedWheel, folder: Path) -> str:
    """Return the line that makes uv take a wheel that was built here."""
    wanted = Requirement(line)
    wanted.url = put(cache, wheel, folder).as_uri()
    return str(wanted)


def _chosen(
    work: Path,
    requirements: Sequence[str],
    target: Target,
    folder: Path | None,
    pins: Pins | None,
    indexes: Indexes,
    allowed: Allowed,
) -> list[LockedWheel]:
    wanted, kept, lock = (work / name for name in ("requirements.txt", "constraints.txt", "pylock.toml"))
    wanted.write_text("".join(f"{line}\n" for line in requirements), encoding="utf-8")
    kept.write_text("".join(f"{name}=={version}\n" for name, version in pins.versions) if pins else "")
    words = [
        *("pip", "compile", str(wanted), "--format", "pylock.toml", "--output-file", str(lock), "--quiet"),
        *("--python-version", target.python, "--python-platform", target.uv_platform),
        *("--only-binary", ":all:", "--no-header", "--no-config"),
        *(("--find-links", str(folder)) if folder is not None else ()),
    ]
    try:
        uv([*words, "--constraint", str(kept)], indexes)
    except UserError as error:
        if pins is None or error.code != EXCLUDE:
            raise
        pins = None  # our own packages need others by now
        uv(words, indexes)
    return read_lock(lock.read_text(encoding="utf-8"), target, pins, allowed)


def identity(wheels: Sequence[LockedWheel]) -> str:
    """Return what tells a set of wheels from another."""
    return hashlib.sha256("\n".join(sorted(wheel.sha256 for wheel in wheels)).encode()).hexdigest()
