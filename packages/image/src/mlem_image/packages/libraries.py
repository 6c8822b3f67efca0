"""Shared libraries that packages need from the system: those that neither a package nor the base image brings."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import IO, Self, cast

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from mlem import DeclarationError
from mlem_image.base.contents import Contents
from mlem_image.cache.cache import PARTS, Cache
from mlem_image.layers.entry import Entry
from mlem_image.packages.locked import LockedWheel
from mlem_image.recipes.recipe import Recipe

_LIBRARY = re.compile(r"[^/]+\.so(\.[0-9.]+)?$")
_MOST_BYTES = 2 * 2**30
_MEMORY_BYTES = 16 * 2**20
_LOADER = re.compile(r"ld-(linux|musl).*")


class Libraries:
    """The libraries that a wheel brings, and those that it needs: looked at while a layer takes them.

    Args:
        cache: Where large ones are put meanwhile, and what was found is noted; it has to be in use.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._brings: set[str] = set()
        self._needs: set[str] = set()

    def watched(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Yield files; what they need is known when all of them were read."""
        for entry in entries:
            name = entry.path.rpartition("/")[2]
            if entry.open is None or not _LIBRARY.search(name) or entry.size_bytes > _MOST_BYTES:
                yield entry
            else:
                self._brings.add(name)
                yield replace(entry, open=partial(self._open, entry.open))

    def note(self, wheel: LockedWheel) -> None:
        """Note what was found in a wheel."""
        known = {"brings": sorted(self._brings), "needs": sorted(self._needs)}
        self._cache.note("libraries", wheel.sha256, known)

    def _open(self, opened: Callable[[], IO[bytes]]) -> IO[bytes]:
        folder = self._cache.folder / PARTS
        copy = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES, dir=str(folder))  # noqa: SIM115  # closed below
        return cast("IO[bytes]", _Copied(opened(), copy, self._needs))


class _Copied:
    """A file of which a copy is kept until it is closed; then it is looked at."""

    def __init__(self, file: IO[bytes], copy: tempfile.SpooledTemporaryFile[bytes], needs: set[str]) -> None:
        self._file, self._copy, self._needs = file, copy, needs

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self._copy.write(data)
        return data

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self._file, self._copy:
            self._needs |= _needed(cast("IO[bytes]", self._copy))


def _needed(file: IO[bytes]) -> set[str]:
    file.seek(0)
    if file.read(4) != b"\x7fELF":
        return set()
    try:
        section = ELFFile(file).get_section_by_name(".dynamic")
        if not isinstance(section, DynamicSection):
            return set()
        return {str(getattr(tag, "needed", "")) for tag in section.iter_tags("DT_NEEDED")}
    except (ELFError, AttributeError, ValueError, KeyError):  # damaged, or for another machine: it is not loaded
        return set()


def expect_libraries(cache: Cache, wheels: Sequence[LockedWheel], contents: Contents, recipe: Recipe) -> None:
    """Refuse packages that need a library which neither they nor the base image bring.

    Raises:
        DeclarationError: One is missing.
    """
    known = {wheel.name: cache.fact("libraries", wheel.sha256) or {} for wheel in wheels}
    there = {name for found in known.values() for name in found.get("brings", ())} | set(contents.libraries)
    missing = {
        (library, package)
        for package, found in known.items()
        for library in found.get("needs", ())
        if library not in there and not _LOADER.fullmatch(library)
    }
    if missing:
        words = ", ".join(
            f"{package} needs {library} ({debian_package(library)})" for library, package in sorted(missing)
        )
        raise _lacking(f"{words}, and the base image {recipe.base_image} does not have it", recipe)


def expect_system_packages(contents: Contents, recipe: Recipe) -> None:
    """Refuse Debian packages that the base image does not have: nothing installs them without a run.

    Raises:
        DeclarationError: One is missing.
    """
    missing = [name for name in recipe.system_packages if name.partition("=")[0] not in contents.packages]
    if missing and contents.packages:
        raise _lacking(
            f"the image is to have the Debian packages {', '.join(missing)}, "
            f"and the base image {recipe.base_image} does not have them",
            recipe,
        )


def _lacking(message: str, recipe: Recipe) -> DeclarationError:
    return DeclarationError(
        message,
        code="needs-a-run",
        hint=f"a base image that has it: --base_image python:{recipe.python}, or one of your own; "
        "or an Engine, which installs it: --builder engine, or mlem build docker",
    )


def debian_package(library: str) -> str:
    """Return the name that Debian's packages of a library have: ``libgomp1`` of ``libgomp.so.1``.

    Source: https://www.debian.org/doc/debian-policy/ch-sharedlibs.html, 8.1 (read 2026-11).
    """
    name, _, version = library.lower().partition(".so")
    version = version.strip(".").partition(".")[0]
    return f"{name}-{version}" if name[-1:].isdigit() and version else f"{name}{version}"
