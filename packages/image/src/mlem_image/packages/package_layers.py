"""The layers of packages: one for each large wheel, and one for the others; each is made once."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mlem.provider import size_in_words
from mlem_image.cache.cache import Cache
from mlem_image.layers.layer import Layer
from mlem_image.layout import VENV
from mlem_image.packages.bytecode import Bytecode
from mlem_image.packages.choosing import identity
from mlem_image.packages.fetching import fetch
from mlem_image.packages.libraries import note_libraries
from mlem_image.packages.licences import licences_of
from mlem_image.packages.locked import LockedWheel
from mlem_image.packages.target import Target
from mlem_image.packages.wheel_files import installed

LARGE_BYTES = 8 * 2**20
"""A wheel that is larger has a layer of its own, which images with other packages share."""
MOST_LARGE = 20
"""So many layers at most are of one wheel each; then the largest are."""


def package_layers(
    cache: Cache,
    wheels: Sequence[LockedWheel],
    target: Target,
    bytecode: Bytecode,
    report: Callable[[str], None],
    check: Callable[[], None],
    own: Path | None = None,
) -> list[Layer]:
    """Return the layers of packages; those that are there are not made again.

    Args:
        cache: Where finished ones are.
        wheels: The wheels.
        target: What they are for.
        bytecode: Compiles modules.
        report: Called with lines of progress.
        check: Called before a layer is made, when all is known of the wheels; what it raises ends it.
        own: Where wheels are that no index has; None for nowhere.
    """
    groups = _groups(cache, wheels)
    with tempfile.TemporaryDirectory(prefix="mlem-wheels-") as folder:
        files: dict[str, Path] = {}
        if groups is None:
            files = _fetched(cache, wheels, target, Path(folder), report, own)
            groups = _groups(cache, wheels) or []
        keys = [_key(group, target, bytecode) for group in groups]
        found = [Layer.known(cache, key) for key in keys]
        missing = [wheel for group, layer in zip(groups, found, strict=True) if layer is None for wheel in group]
        if missing and not files:
            files = _fetched(cache, missing, target, Path(folder), report, own)
        check()
        return [
            layer or _make(cache, key, group, files, target, bytecode, report)
            for key, group, layer in zip(keys, groups, found, strict=True)
        ]


def _fetched(
    cache: Cache,
    wheels: Sequence[LockedWheel],
    target: Target,
    folder: Path,
    report: Callable[[str], None],
    own: Path | None,
) -> dict[str, Path]:
    report(f"fetching {len(wheels)} packages")
    files = fetch(wheels, target, folder, own)
    for wheel in wheels:
        facts = {"size": files[wheel.name].stat().st_size, "licences": licences_of(files[wheel.name])}
        cache.note("wheel", wheel.sha256, facts)
        note_libraries(cache, wheel, files[wheel.name])
    return files


def _groups(cache: Cache, wheels: Sequence[LockedWheel]) -> list[list[LockedWheel]] | None:
    """Return the wheels of each layer, the large ones first; None where one is not known."""
    known = {wheel.name: cache.fact("wheel", wheel.sha256) for wheel in wheels}
    if not all(isinstance(fact, dict) for fact in known.values()):
        return None
    sizes = {name: int(fact["size"]) for name, fact in known.items()}
    ordered = sorted(wheels, key=lambda wheel: (-sizes[wheel.name], wheel.name))
    large = [wheel for wheel in ordered if sizes[wheel.name] > LARGE_BYTES][:MOST_LARGE]
    rest = sorted((wheel for wheel in wheels if wheel not in large), key=lambda wheel: wheel.name)
    return [*([wheel] for wheel in large), *([rest] if rest else [])]


def _key(group: Sequence[LockedWheel], target: Target, bytecode: Bytecode) -> str:
    return f"{VENV}/{target.python}/{bytecode.compiled_by}/{identity(group)}"


def _make(
    cache: Cache,
    key: str,
    group: Sequence[LockedWheel],
    files: dict[str, Path],
    target: Target,
    bytecode: Bytecode,
    report: Callable[[str], None],
) -> Layer:
    what = f"{group[0].name} {group[0].version}" if len(group) == 1 else f"{len(group)} packages"
    with contextlib.ExitStack() as stack:
        entries = [
            entry
            for wheel in group
            for entry in stack.enter_context(installed(files[wheel.name], wheel.file, *places(target)))
        ]
        layer = Layer.make(cache, key, what, bytecode.added(entries))
    report(f"made the layer of {what} ({size_in_words(layer.size_bytes)})")
    return layer


def places(target: Target) -> tuple[str, str]:
    """Return where the environment is, and where its packages are, without a slash at the beginning."""
    venv = VENV.strip("/")
    return venv, f"{venv}/lib/python{target.python}/site-packages"
