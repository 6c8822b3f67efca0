"""`Destination`: where an object is saved, here or on another file system: whole or not at all, and replacing only its like."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from mlem.errors import ConflictError, DeclarationError, NotFoundError
from mlem.file_systems import file_system, translated
from mlem.files import sync_folder, unusable
from mlem.objects import EXTENSION
from mlem.project import shown
from mlem.yaml_file import parse_mapping

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_REPLACE = "choose another name; or replace it: overwrite=True"


def destination(address: Path | str) -> Destination:
    """Return the destination of an object.

    Args:
        address: A path, or a URL that fsspec knows; with or without the extension ``.mlem``.

    Raises:
        PluginError: The package that knows the URL's scheme is not installed.
        UserError: Nothing knows the scheme.
    """
    text = str(address).removesuffix(EXTENSION)
    if "://" not in text:
        return LocalDestination(Path(text))
    from fsspec.implementations.local import LocalFileSystem

    fs, path = file_system(text)
    if isinstance(fs, LocalFileSystem):
        return LocalDestination(Path(path))
    return RemoteDestination(text, fs, path)


class Destination(ABC):
    """Where an object is saved: its metadata as ``<name>.mlem``, and its artifacts beside that.

    Attributes:
        name: The object's name, without folder and extension.
        file_name: The name for its artifact.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.file_name = name
        self._overwrite = False

    @property
    def metadata_name(self) -> str:
        """The name of the metadata's file."""
        return self.name + EXTENSION

    def expect_ours(self, kind: str, *, overwrite: bool) -> None:
        """Refuse to replace anything but an object of the same kind.

        Args:
            kind: The ``object_type`` that is to be saved.
            overwrite: Whether the user wants files replaced, whatever they are; folders are never.

        Raises:
            ConflictError: Something else is there.
        """
        self._overwrite = overwrite
        found = {name: self._found(name) for name in (self.file_name, self.metadata_name)}
        folder = next((name for name, what in found.items() if what == "folder"), None)
        if folder is not None:
            raise ConflictError(f"{self._shown(folder)} is a folder", code="exists", hint="choose another name, or move it away")
        metadata = self._metadata()
        wrong = _complaint(metadata, kind)
        if wrong and not overwrite:
            raise ConflictError(f"{self._shown(self.metadata_name)} is there, and {wrong}", code="exists", hint=_REPLACE)
        if found[self.file_name] and not overwrite and self.file_name not in _artifacts(metadata):
            why = "does not list it" if metadata is not None else "is not there"
            message = f"{self._shown(self.file_name)} is there, and was not saved by mlem: {self.metadata_name} {why}"
            raise ConflictError(message, code="exists", hint=_REPLACE)

    def _expect_room(self, artifacts: Sequence[str], metadata: bytes | None) -> None:
        """Refuse to replace a file that became an artifact's only when the object was written: a large sample's."""
        for name in set(artifacts) - {self.file_name} - _artifacts(metadata):
            found = self._found(name)
            if found == "folder" or (found and not self._overwrite):
                message = f"{self._shown(name)} is there, and was not saved by mlem: the object has a file of that name as well"
                raise ConflictError(message, code="exists", hint=_REPLACE)

    @abstractmethod
    def staging(self) -> contextlib.AbstractContextManager[Path]:
        """Return a context with a folder of this machine to write the files to; it is gone afterwards."""

    @abstractmethod
    def take(self, folder: Path, artifacts: Sequence[str]) -> None:
        """Take an object over from its staging folder: the artifacts, then the metadata.

        Args:
            folder: What `staging` gave.
            artifacts: Names of its files.

        Raises:
            MlemError: It can't be written; what was there before is there still.
        """

    @abstractmethod
    def _metadata(self) -> bytes | None: ...

    @abstractmethod
    def _found(self, name: str) -> str: ...

    @abstractmethod
    def _shown(self, name: str) -> str: ...


class LocalDestination(Destination):
    """A folder of this machine.

    Args:
        path: The object's path, without the extension.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path.name)
        self._folder = path.parent

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Make a folder beside the object's, so that files can be moved over in one step; see `Destination.staging`."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            made = tempfile.TemporaryDirectory(prefix=".mlem-", suffix=".tmp", dir=self._folder)
        except OSError as error:
            raise unusable(self._folder / self.name, error, "write") from error
        with made as folder:
            yield Path(folder)

    def take(self, folder: Path, artifacts: Sequence[str]) -> None:
        """Move the files over; see `Destination.take`."""
        metadata = self._metadata()
        self._expect_room(artifacts, metadata)
        target = self._folder / self.metadata_name
        try:
            with contextlib.suppress(FileNotFoundError):
                os.chmod(folder / self.metadata_name, target.stat().st_mode & 0o777)
            for name in [*artifacts, self.metadata_name]:
                os.replace(folder / name, self._folder / name)
            sync_folder(self._folder)
        except OSError as error:
            raise unusable(self._folder / self.name, error, "write") from error
        for name in _artifacts(metadata) - set(artifacts):
            with contextlib.suppress(OSError):
                (self._folder / name).unlink()

    def _metadata(self) -> bytes | None:
        path = self._folder / self.metadata_name
        try:
            return path.read_bytes() if path.exists() else None
        except OSError as error:
            raise unusable(path, error, "read") from error

    def _found(self, name: str) -> str:
        path = self._folder / name
        return "folder" if path.is_dir() else "file" if path.exists() or path.is_symlink() else ""

    def _shown(self, name: str) -> str:
        return shown((self._folder / name).absolute())


class RemoteDestination(Destination):
    """A folder of another file system.

    There, two files can't be replaced in one step. So an artifact gets a name that nobody has yet, and the metadata, which comes last,
    decides: until then whoever reads finds the old object, whole.

    Args:
        url: The object's URL, without the extension.
        fs: Its file system.
        path: Its path there.
    """

    def __init__(self, url: str, fs: AbstractFileSystem, path: str) -> None:
        super().__init__(PurePosixPath(path).name)
        self._url = url.rpartition("/")[0]
        self._fs = fs
        self._folder = path.rpartition("/")[0]
        self._replaced: set[str] = set()

    def expect_ours(self, kind: str, *, overwrite: bool) -> None:
        """Look what is there; see `Destination.expect_ours`. An artifact that is replaced is kept until the metadata is there."""
        self.file_name = self.name
        super().expect_ours(kind, overwrite=overwrite)
        if self._found(self.name):
            self._replaced = {self.name}
            stem, dot, suffix = self.name.rpartition(".")
            unique = uuid.uuid4().hex[:8]
            self.file_name = f"{stem}-{unique}.{suffix}" if dot and stem else f"{self.name}-{unique}"

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Make a temporary folder; see `Destination.staging`."""
        with tempfile.TemporaryDirectory(prefix="mlem-") as folder:
            yield Path(folder)

    def take(self, folder: Path, artifacts: Sequence[str]) -> None:
        """Upload the files; see `Destination.take`."""
        metadata = self._metadata()
        self._expect_room(artifacts, metadata)
        begun = []
        try:
            for name in artifacts:
                begun.append(name)
                with translated(self._shown(name), "write"):
                    self._fs.put_file(str(folder / name), self._at(name))
            with translated(self._shown(self.metadata_name), "write"):
                self._fs.pipe_file(self._at(self.metadata_name), (folder / self.metadata_name).read_bytes())
        except BaseException:
            self._put_back(metadata)
            self._remove(begun)
            raise
        self._remove((_artifacts(metadata) | self._replaced) - set(artifacts))

    def _put_back(self, metadata: bytes | None) -> None:
        with contextlib.suppress(Exception):  # what counts is why it failed
            if metadata is None:
                self._remove([self.metadata_name])
            elif self._metadata() != metadata:
                self._fs.pipe_file(self._at(self.metadata_name), metadata)

    def _remove(self, names: Sequence[str] | set[str]) -> None:
        for name in names:
            with contextlib.suppress(Exception):  # what is left over harms nobody
                self._fs.rm_file(self._at(name))

    def _metadata(self) -> bytes | None:
        try:
            with translated(self._shown(self.metadata_name), "read"):
                return bytes(self._fs.cat_file(self._at(self.metadata_name)))
        except NotFoundError:
            return None

    def _found(self, name: str) -> str:
        path = self._at(name)
        with translated(self._shown(name), "look for"):
            self._fs.invalidate_cache(self._folder)
            return "" if not self._fs.exists(path) else "folder" if self._fs.isdir(path) else "file"

    def _at(self, name: str) -> str:
        return f"{self._folder}/{name}" if self._folder else name

    def _shown(self, name: str) -> str:
        return f"{self._url}/{name}"


def _complaint(metadata: bytes | None, kind: str) -> str:
    """Say why metadata is not that of an object of a kind; nothing where it is, or where there is none."""
    if metadata is None:
        return ""
    found = _parsed(metadata).get("object_type")
    if found == kind or (found == "dataset" and kind == "data"):
        return ""
    return f"is a {found}, not a {kind}" if isinstance(found, str) else "is no object of mlem"


def _artifacts(metadata: bytes | None) -> set[str]:
    """Return the names of the files that metadata lists beside itself."""
    listed = _parsed(metadata or b"").get("artifacts")
    items = listed.values() if isinstance(listed, Mapping) else ()
    names = {str(item.get("uri")) for item in items if isinstance(item, Mapping)}
    return {name for name in names if "/" not in name and "\\" not in name and name not in ("", ".", "..")}


def _parsed(metadata: bytes) -> Mapping[str, Any]:
    try:
        return parse_mapping(metadata, "metadata")
    except DeclarationError:
        return {}
