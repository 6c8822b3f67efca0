"""The layers of packages: one for each large wheel, and one for the others; each is made once."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mlem import ConflictError
from mlem.provider import size_in_words
from mlem_image.cache.cache import Cache
from mlem_image.layers.layer import Layer
from mlem_image.layout import VENV
from mlem_image.packages.bytecode import Bytecode
from mlem_image.packages.choosing import identity
from mlem_image.packages.fetching import fetch
from mlem_image.packages.indexes import NO_INDEXES, Indexes
from mlem_image.packages.libraries import Libraries
from mlem_image.packages.locked import LARGE_BYTES, LockedWheel
from mlem_image.packages.sources import put
from mlem_image.packages.target import Target
from mlem_image.wheels.installed import installed
from mlem_image.wheels.licences import licences_of

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
    indexes: Indexes = NO_INDEXES,
) -> list[Layer]:
    """Return the layers of packages; those that are there are not made again, others while wheels still arrive.

    Args:
        cache: Where finished ones are.
        wheels: The wheels.
        target: What they are for.
        bytecode: Compiles modules.
        report: Called with lines of progress.
        check: Called when all is known of the wheels and their libraries; what it raises ends it.
        own: Where wheels are that no index has; None for nowhere.
        indexes: Where packages are taken from, beyond the user's settings.
    """
    said: list[str] = []
    with cache.working() as folder:
        files: dict[str, Path] = {}

        def layer_of(group: Sequence[LockedWheel]) -> Layer | None:
            """Return the layer of a group; None where it is not there, and not all of its wheels are."""
            key = f"{VENV}/{target.python}/{bytecode.compiled_by}/{identity(group)}"
            if all(isinstance(cache.fact("wheel", wheel.sha256), dict) for wheel in group):
                known = Layer.known(cache, key)
                if known is not None:
                    return known
            there = all(wheel.name in files for wheel in group)
            return _make(cache, key, group, files, target, bytecode, said) if there else None

        expected = _groups(cache, wheels)
        waiting = [list(wheels)] if expected is None else [group for group in expected if layer_of(group) is None]
        missing = [wheel for group in waiting for wheel in group]
        here = {wheel.name: put(cache, wheel, folder) for wheel in missing if wheel.built}
        _note(cache, missing, here)
        files |= here
        missing = [wheel for wheel in missing if not wheel.built]
        waiting = [group for group in waiting if expected is None or layer_of(group) is None]
        if missing:
            report(f"fetching {len(missing)} packages")
            with contextlib.closing(fetch(missing, target, folder, own, indexes)) as parts:
                for part in parts:
                    _note(cache, missing, part)
                    files |= part
                    waiting = [group for group in waiting if expected is None or layer_of(group) is None]
        layers = [layer_of(group) for group in _groups(cache, wheels) or []]
        check()  # what a wheel's libraries need is known when its layer is made
        for line in said:
            report(line)
    if None in layers:
        raise ConflictError("a package was removed from the cache while it was used", hint="repeat the command")
    return [layer for layer in layers if layer is not None]


def _note(cache: Cache, wheels: Sequence[LockedWheel], files: Mapping[str, Path]) -> None:
    for wheel in wheels:
        if wheel.name in files:
            file = files[wheel.name]
            cache.note("wheel", wheel.sha256, {"size": file.stat().st_size, "licences": licences_of(file)})


def _groups(cache: Cache, wheels: Sequence[LockedWheel]) -> list[list[LockedWheel]] | None:
    """Return the wheels of each layer, the large ones first; None where a size is not known.

    The index may be wrong: what the file has counts once it was there.
    """
    sizes = {wheel.name: _size_of(cache, wheel) for wheel in wheels}
    if not all(sizes.values()):
        return None
    ordered = sorted(wheels, key=lambda wheel: (-sizes[wheel.name], wheel.name))
    large = [wheel for wheel in ordered if sizes[wheel.name] > LARGE_BYTES][:MOST_LARGE]
    rest = sorted((wheel for wheel in wheels if wheel not in large), key=lambda wheel: wheel.name)
    return [*([wheel] for wheel in large), *([rest] if rest else [])]


def _size_of(cache: Cache, wheel: LockedWheel) -> int:
    known = cache.fact("wheel", wheel.sha256)
    return int(known["size"]) if isinstance(known, dict) else wheel.size_bytes


def _make(
    cache: Cache,
    key: str,
    group: Sequence[LockedWheel],
    files: dict[str, Path],
    target: Target,
    bytecode: Bytecode,
    said: list[str],
) -> Layer:
    what = f"{group[0].name} {group[0].version}" if len(group) == 1 else f"{len(group)} packages"
    with contextlib.ExitStack() as stack:
        libraries = {wheel: Libraries(cache) for wheel in group}
        entries = [
            entry
            for wheel, found in libraries.items()
            for entry in found.watched(stack.enter_context(installed(files[wheel.name], wheel.file, *places(target))))
        ]
        layer = Layer.make(cache, key, what, bytecode.added(entries))
    for wheel, found in libraries.items():
        found.note(wheel)
    said.append(f"made the layer of {what} ({size_in_words(layer.size_bytes)})")
    return layer


def places(target: Target) -> tuple[str, str]:
    """Return where the environment is, and where its packages are, without a slash at the beginning."""
    venv = VENV.strip("/")
    return venv, f"{venv}/lib/python{target.python}/site-packages"
