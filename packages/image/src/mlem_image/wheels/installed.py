"""What a wheel becomes when it is installed: files of a virtual environment, with scripts and a record of all of them.

Nothing is unpacked: a file is read out of the wheel when a layer takes it.
Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/ (read 2026-11).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, BinaryIO

from installer import install
from installer.destinations import WheelDestination
from installer.exceptions import InstallerError
from installer.records import Hash, RecordEntry
from installer.scripts import Script
from installer.sources import WheelFile
from installer.utils import Scheme, construct_record_file, fix_shebang

from mlem import ConflictError
from mlem_image.layers.entry import Entry

_MADE_BYTES = 2**20
"""Scripts and what else is made anew are no larger."""


class _Environment(WheelDestination):
    """Takes what the installer would write, by its path in the image.

    Args:
        archive: The wheel.
        recorded: What its own record says of its files: hash and size.
        venv: Where the environment is, without a slash at the beginning.
        packages: Where its packages are.
    """

    def __init__(
        self, archive: zipfile.ZipFile, recorded: dict[str, tuple[str, str]], venv: str, packages: str
    ) -> None:
        self._archive = archive
        self._recorded = recorded
        self._venv, self._packages = venv, packages
        self._python = f"/{venv}/bin/python"
        self.files: dict[str, Entry] = {}

    def write_file(self, scheme: Scheme, path: object, stream: BinaryIO, is_executable: bool) -> RecordEntry:
        """Take a file."""
        place = {"scripts": f"{self._venv}/bin", "data": self._venv, "headers": f"{self._venv}/include"}
        where = f"{place.get(scheme, self._packages)}/{path}"
        mode = 0o755 if is_executable or scheme == "scripts" else 0o644
        member = getattr(stream, "name", None)
        if scheme == "scripts" or not isinstance(member, str):
            with fix_shebang(stream, self._python) as fixed:
                content = fixed.read(_MADE_BYTES)
            return self._made(where, str(path), content, mode)
        digest, size = self._recorded.get(member, ("", ""))
        found = self._archive.getinfo(member)
        self._put(Entry(where, mode, found.file_size, lambda: self._archive.open(found)))
        return RecordEntry.from_elements(str(path), digest, size)

    def write_script(self, name: str, module: str, attr: str, section: str) -> RecordEntry:
        """Take an entry point."""
        _, content = Script(name, module, attr, "gui" if section == "gui" else "console").generate(
            self._python, "posix"
        )
        return self._made(f"{self._venv}/bin/{name}", name, content, 0o755)

    def finalize_installation(
        self, scheme: Scheme, record_file_path: str, records: Iterable[tuple[Scheme, RecordEntry]]
    ) -> None:
        """Take the record of all files."""
        up = "../" * (self._packages.count("/") - self._venv.count("/"))
        prefixes = {"scripts": f"{up}bin/", "data": up, "headers": f"{up}include/"}
        ordered = sorted(records, key=lambda item: (prefixes.get(item[0], ""), item[1].path))
        with construct_record_file(ordered, lambda found: prefixes.get(found)) as stream:
            self._made(f"{self._packages}/{record_file_path}", record_file_path, stream.read(), 0o644)

    def _made(self, where: str, path: str, content: bytes, mode: int) -> RecordEntry:
        self._put(Entry(where, mode, len(content), lambda: io.BytesIO(content)))
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
        return RecordEntry(path, Hash("sha256", digest), len(content))

    def _put(self, entry: Entry) -> None:
        if ".." in entry.path.split("/") or entry.path in self.files or not entry.path.isprintable():
            raise ConflictError(f"a wheel would write {entry.path[:200]!r}", code="bad-wheel")
        self.files[entry.path] = entry


@contextlib.contextmanager
def installed(wheel: Path | IO[bytes], name: str, venv: str, packages: str) -> Iterator[list[Entry]]:
    """Return a context with the files of an installed wheel, by their paths; they can be read while it lasts.

    Args:
        wheel: The file.
        name: Its name.
        venv: Where the environment is, without a slash at the beginning.
        packages: Where its packages are.

    Raises:
        ConflictError: It is no wheel, or would write beside the environment.
    """
    with contextlib.ExitStack() as stack:
        try:
            archive = stack.enter_context(zipfile.ZipFile(wheel))
            source = WheelFile(archive) if isinstance(wheel, Path) else _named(archive, name)
            environment = _Environment(archive, _records(source), venv, packages)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of bytecode in the wheel, which is left out
                install(source, environment, {"INSTALLER": b"mlem\n"})
        except (InstallerError, zipfile.BadZipFile, KeyError, ValueError, AssertionError) as error:
            raise ConflictError(f"{name} is not a wheel that can be installed: {error}", code="bad-wheel") from error
        yield [environment.files[path] for path in sorted(environment.files)]


def _named(archive: zipfile.ZipFile, name: str) -> WheelFile:
    archive.filename = name
    return WheelFile(archive)


def _records(source: WheelFile) -> dict[str, tuple[str, str]]:
    import csv

    rows = csv.reader(source.read_dist_info("RECORD").splitlines())
    return {row[0]: (row[1], row[2]) for row in rows if len(row) == 3}
