"""`LocalDestination`: objects saved to a folder of this machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from mlem_model.artifacts.destinations.folder_lock import FolderLock, alone
from mlem_model.artifacts.destinations.rules import (
    Destination,
    ObjectT,
    artifacts_of,
    aside_names,
    content_name,
    contents_of,
    listed,
    located,
    metadata_of,
    plain_name,
)
from mlem_model.errors import ConflictError
from mlem_model.objects.files import shown, sync_folder, unusable, write_atomic

_PREFIX, _SUFFIX = ".mlem-", ".tmp"


class LocalDestination(Destination):
    """A folder of this machine.

    An artifact has the object's plain name, whenever nothing is being saved. New content comes under a name that has a
    part of its digest; the metadata is replaced in one step by one that names it. Then the content gets its plain name
    as well, by a hard link; the metadata follows, and content that no metadata names is removed. So at every moment
    there is metadata with its files. What a saver that was killed has left is removed at the next save: its folder is
    locked for as long as it lives, and its files are recognised by their digest.

    Where savers can't exclude one another (on a network file system), and where there are no hard links, the metadata
    keeps naming the content by its own name.

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
        except OSError as error:
            raise unusable(self._folder / self.name, error, "write") from error
        with contextlib.ExitStack() as stack:
            try:
                with alone(self._folder):  # nobody may look at a folder that is not locked yet
                    folder = Path(
                        stack.enter_context(
                            tempfile.TemporaryDirectory(prefix=_PREFIX, suffix=_SUFFIX, dir=self._folder)
                        )
                    )
                    living = FolderLock(folder)
                    stack.callback(living.close)
                    living.take()
            except OSError as error:
                raise unusable(self._folder / self.name, error, "write") from error
            yield folder

    def take(self, folder: Path, saved: ObjectT) -> ObjectT:
        """Move the files over; see `Destination.take`."""
        try:
            with alone(self._folder) as sure:
                self.expect_ours(self._kind, overwrite=self._overwrite)
                before = self._metadata()
                plain = {artifact.uri for artifact in artifacts_of(saved).values()}
                self._expect_room(plain, before)
                if sure:
                    self._clear(listed(before).keys() | plain)
                names = self._place(folder, saved, sure=sure)
                old = self._keep(before) if sure else set()
                sync_folder(self._folder)  # the metadata must not be on the disk before what it names
                placed = located(saved, names)
                self._write(folder, placed)
                if sure and self._rename(folder, names):
                    self._write(folder, saved)
                    placed = saved
                kept = {artifact.uri for artifact in artifacts_of(placed).values()}
                self._remove((listed(before).keys() | old | set(names.values())) - kept)
                sync_folder(self._folder)
        except OSError as error:
            raise unusable(self._folder / self.name, error, "write") from error
        return placed

    def _place(self, folder: Path, saved: ObjectT, *, sure: bool) -> dict[str, str]:
        """Give each content its own name; return a mapping from plain names to these."""
        names = {}
        for artifact in artifacts_of(saved).values():
            name = content_name(artifact.uri, (artifact.sha256 or "")[:12] if sure else os.urandom(6).hex())
            if self._found(name) and not self._is_content(name):
                raise ConflictError(
                    f"{self._shown(name)} already exists, and was not saved by mlem", code="exists", hint="move it away"
                )
            os.replace(folder / artifact.uri, self._folder / name)
            names[artifact.uri] = name
        return names

    def _keep(self, before: bytes | None) -> set[str]:
        """Give the content that is to be replaced its own name too, so that it is recognised if we are killed.

        Return these names.
        """
        kept = set()
        for name, sha256 in listed(before).items():
            path, own = self._folder / name, content_name(name, sha256[:12])
            if sha256 and plain_name(name) is None and path.is_file() and not path.is_symlink():
                with contextlib.suppress(OSError):
                    os.link(path, self._folder / own)
                    kept.add(own)
        return kept

    def _rename(self, folder: Path, names: Mapping[str, str]) -> bool:
        """Give contents their plain names as well; return whether the file system has hard links."""
        for plain, name in names.items():
            try:
                os.link(self._folder / name, folder / plain)
            except OSError:
                return False
            os.replace(folder / plain, self._folder / plain)
        sync_folder(self._folder)
        return True

    def _write(self, folder: Path, saved: ObjectT) -> None:
        """Replace the metadata in one step; it keeps its permissions."""
        target = self._folder / self.metadata_name
        write_atomic(folder / self.metadata_name, metadata_of(saved))
        with contextlib.suppress(FileNotFoundError):
            os.chmod(folder / self.metadata_name, target.stat().st_mode & 0o777)
        os.replace(folder / self.metadata_name, target)
        sync_folder(self._folder)

    def _remove(self, names: set[str]) -> None:
        for name in names:
            with contextlib.suppress(OSError):
                (self._folder / name).unlink()

    def _clear(self, kept: set[str]) -> None:
        """Remove what killed savers have left: their folders, and contents of ours that no metadata names."""
        for path in self._folder.glob(f"{_PREFIX}*{_SUFFIX}"):
            if path.is_dir() and not path.is_symlink() and _is_abandoned(path):
                shutil.rmtree(path, ignore_errors=True)
        asides = aside_names(self.file_name).values()
        self._remove({name for name in asides if name not in kept and self._left_over(name)})
        contents = [contents_of(name) for name in (self.file_name, *asides)]
        for path in self._folder.iterdir():
            if (
                path.name not in kept
                and any(one.fullmatch(path.name) for one in contents)
                and self._is_content(path.name)
            ):
                self._remove({path.name})

    def _is_content(self, name: str) -> bool:
        """Say whether a file's name matches its content."""
        path = self._folder / name
        return path.is_file() and not path.is_symlink() and content_name("", _mark_of(path)) in name

    def _left_over(self, name: str) -> bool:
        """Say whether a file is content of ours that a saver left when it was killed between two steps."""
        path = self._folder / name
        if path.is_symlink() or not path.is_file():
            return False
        return any(
            contents_of(name).fullmatch(other.name) and other.is_file() and path.samefile(other)
            for other in self._folder.iterdir()
            if other.name.startswith(name.rpartition(".")[0] or name)
        )

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


def _mark_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _is_abandoned(folder: Path) -> bool:
    try:
        lock = FolderLock(folder)
    except OSError:
        return False
    try:
        return lock.take() is True
    finally:
        lock.close()
