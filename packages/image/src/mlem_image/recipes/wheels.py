"""Our own packages as wheels, made from what is installed.

Also from an editable installation, also of an unpublished version.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import importlib.util
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mlem import PluginError

OWN: Mapping[str, str] = {"mlem-model": "mlem_model", "mlem-server": "mlem_server", "mlem-core": "mlem"}
"""The distributions of ours that an image may have, with their import packages."""
SERVING = ("mlem-model", "mlem-server")
"""Those that serve a model: they are in every image."""

_EPOCH = (1980, 1, 1, 0, 0, 0)
_WHEEL = "Wheel-Version: 1.0\nGenerator: mlem\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


@dataclass(frozen=True)
class Wheel:
    """A wheel.

    Attributes:
        name: Its file's name.
        data: Its content; the same for the same installed files.
    """

    name: str
    data: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of its content, as hex digits."""
        return hashlib.sha256(self.data).hexdigest()


@functools.cache
def distributions(packages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the distributions of ours that an image needs.

    What serves, and ``mlem-core`` where a package of the model builds on it.

    Args:
        packages: Lines for pip. What they depend on is known of those that are installed here.
    """
    seen: set[str] = set()
    todo = [Requirement(line) for line in packages]
    while todo:
        name = canonicalize_name(todo.pop().name)
        if name in seen:
            continue
        seen.add(name)
        with contextlib.suppress(metadata.PackageNotFoundError):
            needs = map(Requirement, metadata.distribution(name).requires or ())
            todo += [need for need in needs if "extra" not in str(need.marker or "")]
    return tuple(name for name in OWN if name in SERVING or name in seen)


@functools.cache
def digest(names: tuple[str, ...] = SERVING) -> str:
    """Return a digest of all that the wheels of distributions are made from, without making them: 64 hex digits."""
    found = hashlib.sha256()
    for name in names:
        for path, data in _content(name):
            found.update(f"{path}\0{len(data)}\0".encode())
            found.update(data)
    return found.hexdigest()


def needed(names: Sequence[str] = SERVING) -> tuple[str, ...]:
    """Return what distributions of ours need from an index, as lines for pip: ``pydantic>=2.11``."""
    found = {Requirement(line) for name in names for line in _distribution(name).requires or ()}
    return tuple(
        sorted(
            str(item)
            for item in found
            if canonicalize_name(item.name) not in OWN and "extra" not in str(item.marker or "")
        )
    )


def published(version: str, names: Sequence[str] = SERVING) -> tuple[str, ...]:
    """Return lines for pip for a published version of our packages."""
    return tuple(f"{name}=={version}" for name in names)


def versions(names: Sequence[str] = SERVING) -> str:
    """Return the installed versions in words: ``mlem-model 0.5.0, mlem-server 0.5.0``."""
    return ", ".join(f"{name} {_distribution(name).version}" for name in names)


def pack(names: Sequence[str] = SERVING) -> list[Wheel]:
    """Make a wheel of each distribution.

    Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/ (read 2026-11).
    """
    return [_pack(name) for name in names]


def _pack(name: str) -> Wheel:
    stem = f"{name.replace('-', '_')}-{_distribution(name).version}"
    record = f"{stem}.dist-info/RECORD"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        lines = []
        for path, data in _content(name):
            _write(archive, path, data)
            checksum = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{path},sha256={checksum},{len(data)}")
        _write(archive, record, "\n".join([*lines, f"{record},,", ""]).encode())
    return Wheel(f"{stem}-py3-none-any.whl", buffer.getvalue())


def _write(archive: zipfile.ZipFile, path: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(path, _EPOCH)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data, zipfile.ZIP_DEFLATED)


def _content(name: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a distribution's wheel.

    Those of its package as they are now, its metadata as it was installed.
    """
    folder = _package_folder(OWN[name])
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield f"{OWN[name]}/{path.relative_to(folder).as_posix()}", path.read_bytes()
    distribution = _distribution(name)
    info = f"{name.replace('-', '_')}-{distribution.version}.dist-info"
    yield f"{info}/METADATA", (distribution.read_text("METADATA") or "").encode()
    yield f"{info}/WHEEL", _WHEEL.encode()
    entry_points = distribution.read_text("entry_points.txt")
    if entry_points:
        yield f"{info}/entry_points.txt", entry_points.encode()


def _distribution(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise PluginError(f"{name} is not installed: images are made from it", hint=f"pip install {name}") from error


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise PluginError(
            f"the package {package} can't be found", hint="pip install --force-reinstall mlem-core mlem-server"
        )
    return Path(next(iter(spec.submodule_search_locations)))
