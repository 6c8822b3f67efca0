"""`Contents`: what is in a base image, as far as an image on top of it has to know.

Its layers are read as streams, each file's head alone, and nothing is unpacked; once for each base image.
"""

from __future__ import annotations

import base64
import gzip
import io
import posixpath
import re
import stat
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Self, cast

from mlem import ConflictError
from mlem_image.base.base_image import BaseImage, BlobOf
from mlem_image.cache.cache import Cache

FORMAT = 3
_PYTHON = re.compile(r"(?:usr/)?(?:local/)?bin/python(3\.\d+)")
_LIBRARY = re.compile(r"(?:usr/)?(?:local/)?lib(?:64)?(?:/[a-z0-9_]+-linux-(?:gnu|musl)\w*)?/(lib[^/]+\.so[^/]*)")
_MUSL = re.compile(r"lib/ld-musl-\w+\.so\.1")
_DPKG = "var/lib/dpkg/status"
_APK = ("lib/apk/db/installed", "usr/lib/apk/db/installed")
_INSTALLED = re.compile(
    r"(?:.*/)?(?:site|dist)-packages/([A-Za-z0-9_.]+)-([A-Za-z0-9_.!+]+)\.(?:dist|egg)-info(?:/.*)?"
)
_STANZA = re.compile(r"^(Package|Status|Version|Architecture): (\S.*)$", re.MULTILINE)
_OF_APK = re.compile(r"^([PVA]):(\S+)$", re.MULTILINE)
_WORDS = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+:~_-]{0,199}")
_MOST_PACKAGES = 20_000
_READ_BYTES = 16 * 2**20
_MARKED_BYTES = 16 * 2**20
"""A program that gives rights to whoever starts it is not larger."""
_MOST_FILES = 2_000_000
_MOST_BYTES = 64 * 2**30
_KEPT_BYTES = 128 * 2**20
"""What a base image may have in all, and what is kept of it in memory."""


@dataclass
class Contents:
    """What was found.

    Attributes:
        pythons: The path of each Python, by its version.
        libraries: The names of shared libraries where the loader looks for them.
        libc: ``glibc 2.36``, ``musl 1.2``; empty where it can't be told.
        pips: Paths of what is pip's, or puts pip back.
        marked: Programs that give their owner's rights to whoever starts them: permissions and content, as base64.
        system: ``debian 12``.
        packages: The names of its Debian packages.
        installed: Name, version and architecture of what is installed by the system: Debian's packages, or Alpine's.
        distributions: Name and version of each Python package, pip left out.
    """

    pythons: dict[str, str] = field(default_factory=dict)
    libraries: list[str] = field(default_factory=list)
    libc: str = ""
    pips: list[str] = field(default_factory=list)
    marked: dict[str, tuple[int, str]] = field(default_factory=dict)
    system: str = ""
    packages: list[str] = field(default_factory=list)
    installed: list[list[str]] = field(default_factory=list)
    distributions: list[list[str]] = field(default_factory=list)

    @classmethod
    def of(cls, base: BaseImage, cache: Cache) -> Self:
        """Look through a base image, or remember what was found before.

        Raises:
            ConflictError: A layer is damaged.
            MlemError: The registry does not answer.
        """
        key = f"{FORMAT}/{base.digest}"
        known = cache.fact("base", key)
        if isinstance(known, dict):
            return cls(**{**known, "marked": {path: tuple(found) for path, found in known["marked"].items()}})
        look = _Look()
        for layer in base.layers:
            look.through(base, layer)
        found = cls(**look.found())
        cache.note("base", key, asdict(found))
        return found


class _Look:
    """Looks through layers, the lowest first."""

    def __init__(self) -> None:
        self._paths: dict[str, tarfile.TarInfo] = {}
        self._contents: dict[str, bytes] = {}
        self._files = self._size_bytes = self._kept_bytes = 0

    def through(self, base: BaseImage, layer: BlobOf) -> None:
        """Look through a layer."""
        stream = _Stream(base.repository.stream(layer.digest, layer.size_bytes))
        file: IO[bytes] = cast("IO[bytes]", gzip.GzipFile(fileobj=stream) if "gzip" in layer.media_type else stream)
        if "zstd" in layer.media_type:
            raise ConflictError(
                f"{base.name} has layers that are packed with zstd, which can't be looked through",
                code="bad-image",
                hint="another base image: --base_image",
            )
        try:
            with tarfile.open(fileobj=io.BufferedReader(cast("Any", file), 2**20), mode="r|") as archive:
                for member in archive:
                    self._take(archive, member)
                    archive.members = []  # type: ignore[attr-defined]  # else it keeps all
        except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
            raise ConflictError(f"a layer of {base.name} is damaged: {error}", code="bad-image") from error
        for _ in stream:  # to its end, so that its digest is compared
            pass

    def _take(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        self._files += 1
        self._size_bytes += member.size
        if self._files > _MOST_FILES or self._size_bytes > _MOST_BYTES or self._kept_bytes > _KEPT_BYTES:
            raise ConflictError("the base image has too many files, or too large ones", code="bad-image")
        path = posixpath.normpath(member.name).lstrip("/")
        folder, name = posixpath.split(path)
        if name == ".wh..wh..opq":
            self._forget(folder, inside=True)
        elif name.startswith(".wh."):
            self._forget(posixpath.join(folder, name[4:]))
        else:
            self._paths[path] = member
            marked = member.isreg() and member.mode & (stat.S_ISUID | stat.S_ISGID)
            wanted = member.isreg() and path in (_DPKG, *_APK, "etc/os-release", "usr/lib/os-release")
            if (marked and member.size <= _MARKED_BYTES) or (wanted and member.size <= _READ_BYTES):
                file = archive.extractfile(member)
                self._contents[path] = file.read() if file is not None else b""
                self._kept_bytes += len(self._contents[path]) + 1000
            else:
                self._contents.pop(path, None)

    def _forget(self, path: str, *, inside: bool = False) -> None:
        for known in [one for one in self._paths if one.startswith(f"{path}/") or (one == path and not inside)]:
            del self._paths[known]
            self._contents.pop(known, None)

    def found(self) -> dict[str, Any]:
        pythons = {match[1]: f"/{path}" for path in sorted(self._paths) if (match := _PYTHON.fullmatch(path))}
        libraries = {match[1] for path in self._paths if (match := _LIBRARY.fullmatch(path))}
        marked = {
            path: (stat.S_IMODE(member.mode), base64.b64encode(self._contents[path]).decode("ascii"))
            for path, member in sorted(self._paths.items())
            if member.isreg() and member.mode & (stat.S_ISUID | stat.S_ISGID) and path in self._contents
        }
        return {
            "pythons": pythons,
            "libraries": sorted(libraries),
            "libc": self._libc(),
            "pips": sorted(self._pips()),
            "marked": marked,
            "system": self._system(),
            "packages": sorted(set(re.findall(r"^Package: (\S+)$", self._status, re.MULTILINE))),
            "installed": self._bounded({one for one in self._installed() if all(map(_WORDS.fullmatch, one))}),
            "distributions": self._bounded(
                {(match[1], match[2]) for path in self._paths if (match := _INSTALLED.fullmatch(path))}
            ),
        }

    def _installed(self) -> Iterator[tuple[str, str, str]]:
        """Yield the packages of the system.

        Sources: https://man7.org/linux/man-pages/man1/dpkg-query.1.html;
        https://wiki.alpinelinux.org/wiki/Apk_spec (read 2026-11).
        """
        for stanza in self._status.split("\n\n"):
            found = dict(_STANZA.findall(stanza))
            if found.get("Status", "").endswith(" installed"):
                yield found.get("Package", ""), found.get("Version", ""), found.get("Architecture", "all")
        for path in _APK:
            for stanza in self._contents.get(path, b"").decode("utf-8", "replace").split("\n\n"):
                found = dict(_OF_APK.findall(stanza))
                yield found.get("P", ""), found.get("V", ""), found.get("A", "noarch")

    @staticmethod
    def _bounded(found: set[Any]) -> list[list[str]]:
        if len(found) > _MOST_PACKAGES:
            raise ConflictError("the base image has too many packages", code="bad-image")
        return [list(one) for one in sorted(found) if one[0] != "pip"]

    @property
    def _status(self) -> str:
        return self._contents.get(_DPKG, b"").decode("utf-8", "replace")

    def _libc(self) -> str:
        glibc = re.search(r"^Package: libc6\n(?:.+\n)*?Version: (\d+\.\d+)", self._status, re.MULTILINE)
        if glibc is not None:
            return f"glibc {glibc[1]}"
        return "musl 1.2" if any(_MUSL.fullmatch(path) for path in self._paths) else ""

    def _system(self) -> str:
        text = (self._contents.get("etc/os-release") or self._contents.get("usr/lib/os-release") or b"").decode(
            "utf-8", "replace"
        )
        fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
        return f"{fields.get('ID', '')} {fields.get('VERSION_ID', '')}".strip()

    def _pips(self) -> Iterator[str]:
        """Yield the paths of pip, the outermost alone, by the rules for images that an Engine makes."""
        found: set[str] = set()
        for path in self._paths:
            parts = path.split("/")
            for at, name in enumerate(parts[1:], 1):
                if _is_pip(parts[at - 1], name, is_last=at == len(parts) - 1):
                    found.add("/".join(parts[: at + 1]))
                    break
        yield from found


def _is_pip(parent: str, name: str, *, is_last: bool) -> bool:
    in_packages = parent in ("site-packages", "dist-packages")
    if in_packages and (name == "pip" or (name.startswith("pip-") and name.endswith((".dist-info", ".egg-info")))):
        return True
    if parent.startswith("python3") and name == "ensurepip":
        return True
    return is_last and (
        (parent == "bin" and name.rstrip("0123456789.") == "pip") or (name.startswith("pip-") and name.endswith(".whl"))
    )


class _Stream(io.RawIOBase):
    """Parts of a stream as a file."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not self._rest:
            self._rest = next(self._parts, b"")
        taken = self._rest if size is None or size < 0 else self._rest[:size]
        self._rest = self._rest[len(taken) :]
        return taken

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def __iter__(self) -> Iterator[bytes]:
        yield from self._parts
