"""Shared libraries that packages need from the system: those that neither a package nor the base image brings."""

from __future__ import annotations

import re
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile

from mlem import ConflictError, DeclarationError
from mlem_image.base.contents import Contents
from mlem_image.cache.cache import Cache
from mlem_image.packages.locked import LockedWheel
from mlem_image.recipes.recipe import Recipe

_LIBRARY = re.compile(r"[^/]+\.so(\.[0-9.]+)?$")
_MOST_BYTES = 2 * 2**30
_CHUNK_BYTES = 2**20
_LOADER = re.compile(r"ld-(linux|musl).*")


def note_libraries(cache: Cache, wheel: LockedWheel, file: Path) -> None:
    """Note the libraries that a wheel brings, and those that it needs.

    Args:
        cache: Where it is noted.
        wheel: The wheel.
        file: Where it is.

    Raises:
        ConflictError: It is no wheel.
    """
    brings, needs = set(), set()
    try:
        with zipfile.ZipFile(file) as archive:
            for member in archive.infolist():
                name = member.filename.rpartition("/")[2]
                if not _LIBRARY.search(name) or member.file_size > _MOST_BYTES:
                    continue
                brings.add(name)
                needs |= _needed(cache, archive, member)
    except (zipfile.BadZipFile, OSError) as error:
        raise ConflictError(f"{wheel.file} is not a wheel: {error}", code="bad-wheel") from error
    cache.note("libraries", wheel.sha256, {"brings": sorted(brings), "needs": sorted(needs)})


def _needed(cache: Cache, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> set[str]:
    with archive.open(member) as packed, cache.writing() as file:  # it may be larger than the memory
        shutil.copyfileobj(packed, file, _CHUNK_BYTES)
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
        "or an Engine, which installs it: mlem build docker",
    )


def debian_package(library: str) -> str:
    """Return the name that Debian's packages of a library have: ``libgomp1`` of ``libgomp.so.1``.

    Source: https://www.debian.org/doc/debian-policy/ch-sharedlibs.html, 8.1 (read 2026-11).
    """
    name, _, version = library.lower().partition(".so")
    version = version.strip(".").partition(".")[0]
    return f"{name}-{version}" if name[-1:].isdigit() and version else f"{name}{version}"
