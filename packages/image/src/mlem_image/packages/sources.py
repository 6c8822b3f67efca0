"""Packages from repositories and folders: pure ones are built into wheels here, if who deploys trusts their code.

Building runs code of the package with the rights of the command. So it needs a word of whoever owns this machine, which
neither a model nor a declaration can say: the environment variable ``MLEM_IMAGE_BUILD_SOURCES=true``.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from mlem import ConflictError, DeclarationError
from mlem_image.cache.cache import Cache
from mlem_image.packages.commands import Pip
from mlem_image.packages.indexes import NO_INDEXES, Indexes
from mlem_image.packages.locked import LockedWheel
from mlem_image.packages.target import Target

VARIABLE = "MLEM_IMAGE_BUILD_SOURCES"
_VCS = re.compile(r"(git|hg|svn|bzr)\+")
_PINNED = re.compile(r"@[0-9a-f]{40}([0-9a-f]{24})?$")
_EPOCH = "315532800"
"""1980-01-01, the first day that a zip archive can tell. Source:
https://reproducible-builds.org/specs/source-date-epoch/ (read 2026-11)."""
_ELSEWHERE = (
    "or build a wheel of it, and give its folder: --wheels DIR; "
    "or have an Engine build where it can: --builder engine, or mlem build docker"
)
_MOST_BYTES = 2**30
_MOST_FILES = 100_000


def is_source(line: str) -> bool:
    """Whether a line for pip names a repository or a folder of this machine."""
    url = Requirement(line).url or ""
    return bool(_VCS.match(url)) or (url.startswith("file:") and Path(_path(url)).is_dir())


def expect_buildable(lines: Sequence[str]) -> None:
    """Refuse packages from repositories and folders that are not to be built here; nothing of them runs.

    Raises:
        DeclarationError: There is no word that trusts them, or one is not at a commit.
    """
    for line in filter(is_source, lines):
        found = Requirement(line)
        if os.environ.get(VARIABLE, "").lower() not in ("1", "true"):
            raise DeclarationError(
                f"{found.name} comes from a repository or a folder: building it runs its code on this machine",
                code="needs-a-run",
                hint=f"where you trust it: {VARIABLE}=true; {_ELSEWHERE}",
            )
        parts = urlsplit(found.url or "")
        if parts.password:
            raise DeclarationError(
                f"{found.name}: a password in an address is seen by others on this machine",
                code="secret-in-address",
                hint="git has credential helpers, and ~/.netrc",
            )
        if parts.scheme != "file" and not _PINNED.search(parts.path):
            raise DeclarationError(
                f"{found.name} comes from a repository, at no commit: the image would be another one each day",
                code="not-pinned",
                hint="name the commit, with 40 digits, at the end of its address: @0123...",
            )


def build(cache: Cache, line: str, target: Target, indexes: Indexes = NO_INDEXES) -> LockedWheel:
    """Build the wheel of a package, in isolation as pip does, and keep it; one of a commit is built once.

    Args:
        cache: Where it is kept; it has to be in use.
        line: A line for pip: ``shop @ git+https://host/shop@commit``.
        target: What it is for; it is built by this machine's Python.
        indexes: Where what it is built with is taken from, beyond the user's settings.

    Returns:
        The wheel: the same bytes for the same content.

    Raises:
        DeclarationError: It is not pure: it compiles something for this machine.
        MlemError: It can't be built.
    """
    wanted = Requirement(line)
    url, key = wanted.url or "", json.dumps([line, asdict(target), sys.version_info[:2]])
    known = cache.fact("built", key) if _VCS.match(url) else None
    if isinstance(known, dict) and cache.blob(f"sha256:{known['sha256']}", known["size_bytes"]) is not None:
        return LockedWheel(**known)
    with cache.working() as folder, Pip(indexes, folder) as pip:
        lines, made = folder / "requirements.txt", folder / "made"
        if url.startswith("file:"):  # what is there stays as it is
            shutil.copytree(_path(url), folder / "source", symlinks=True)
            where = (folder / "source").as_uri()
        else:
            where = url
        lines.write_text("".join(f"{one}\n" for one in (*indexes.pip_lines, f"{wanted.name} @ {where}")))
        words = ("wheel", "--quiet", "--no-deps", "--disable-pip-version-check", "--no-input", "--wheel-dir", str(made))
        pip.run([*words, "--requirement", str(lines)], {"SOURCE_DATE_EPOCH": _EPOCH})
        wheel = next(made.iterdir())
        version = _expect_pure(wanted.name, wheel.name)
        with cache.writing() as file:
            _rewrite(wheel, file)
            size_bytes = file.tell()
            file.seek(0)
            digest = hashlib.file_digest(cast("Any", file), "sha256").hexdigest()
            cache.keep(file, f"sha256:{digest}")
    name = canonicalize_name(wanted.name)
    found = LockedWheel(name, version, wheel.name, digest, url if _VCS.match(url) else "", size_bytes, built=True)
    cache.note("built", key, asdict(found))
    cache.note("size", digest, size_bytes)
    return found


def put(cache: Cache, wheel: LockedWheel, folder: Path) -> Path:
    """Put a wheel that was built here into a folder, under its name.

    Raises:
        ConflictError: It is gone.
    """
    blob = cache.blob(f"sha256:{wheel.sha256}", wheel.size_bytes)
    if blob is None:
        raise ConflictError("a package was removed from the cache while it was used", hint="repeat the command")
    return Path(shutil.copyfile(blob, folder / wheel.file))


def _path(url: str) -> str:
    return url2pathname(urlsplit(url).path)


def _expect_pure(name: str, file: str) -> str:
    """Return the version of a wheel; refuse one that is for this machine."""
    try:
        _, version, _, tags = parse_wheel_filename(file)
    except InvalidWheelFilename as error:
        raise ConflictError(f"{name} was built into {file[:200]!r}, which is no wheel", code="bad-wheel") from error
    if not all(tag.interpreter.startswith("py") and tag.abi == "none" and tag.platform == "any" for tag in tags):
        raise DeclarationError(
            f"{name} compiles something for the machine that builds it ({file})", code="needs-a-run", hint=_ELSEWHERE
        )
    return str(version)


def _rewrite(wheel: Path, file: IO[bytes]) -> None:
    """Write a wheel anew, so that its bytes depend on what is in it alone: sorted, uncompressed, of no time."""
    try:
        with zipfile.ZipFile(wheel) as archive, zipfile.ZipFile(file, "w") as written:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) > _MOST_FILES or sum(member.file_size for member in members) > _MOST_BYTES:
                raise ConflictError(f"{wheel.name} has too many files, or too large ones", code="bad-wheel")
            for member in sorted(members, key=lambda one: (".dist-info/" in one.filename, one.filename)):
                entry = zipfile.ZipInfo(member.filename)
                entry.external_attr = (0o755 if member.external_attr >> 16 & 0o111 else 0o644) << 16
                with archive.open(member) as source, written.open(entry, "w") as to:
                    shutil.copyfileobj(source, to)
    except zipfile.BadZipFile as error:
        raise ConflictError(f"{wheel.name} is not a wheel: {error}", code="bad-wheel") from error
