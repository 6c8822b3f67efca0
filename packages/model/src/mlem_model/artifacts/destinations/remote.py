"""`RemoteDestination`: objects saved to another file system, which fsspec knows."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

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
)
from mlem_model.errors import NotFoundError
from mlem_model.objects.file_systems import translated

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


_ABANDONED_S = 3600.0


class RemoteDestination(Destination):
    """A folder of another file system.

    There, savers can't exclude one another, and two files can't be replaced in one step. So every artifact gets a name
    that nobody else uses, and the metadata, which is written last, decides: until then readers find the old object,
    whole. Then the old artifact is removed, and so is what killed savers have left, once it is an hour older, by the
    store's own clock, than what has just been saved.

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

    @contextlib.contextmanager
    def staging(self) -> Iterator[Path]:
        """Make a temporary folder; see `Destination.staging`."""
        with tempfile.TemporaryDirectory(prefix="mlem-") as folder:
            yield Path(folder)

    def take(self, folder: Path, saved: ObjectT) -> ObjectT:
        """Upload the files; see `Destination.take`."""
        before = self._metadata()
        names = {
            artifact.uri: content_name(artifact.uri, os.urandom(6).hex()) for artifact in artifacts_of(saved).values()
        }
        self._expect_room(names, before)
        placed = located(saved, names)
        metadata = metadata_of(placed)
        replaced = {self.name} if self._found(self.name) else set()
        begun = []
        try:
            for name, own in names.items():
                begun.append(own)
                with translated(self._shown(name), "write"):
                    self._fs.put_file(str(folder / name), self._at(own))
            with translated(self._shown(self.metadata_name), "write"):
                self._fs.pipe_file(self._at(self.metadata_name), metadata)
        except BaseException:
            self._put_back(before, metadata)
            self._remove(begun)
            raise
        self._remove((listed(before).keys() | replaced) - set(begun))
        self._remove_abandoned(begun)
        return placed

    def _remove_abandoned(self, kept: Sequence[str]) -> None:
        with contextlib.suppress(Exception):  # what is left over harms nobody
            now = self._fs.modified(self._at(kept[0]))
            for name in (self.name, *aside_names(self.name).values()):
                for path in self._fs.glob(self._at(content_name(name, "*"))):
                    found = path.rpartition("/")[2]
                    is_content = found not in kept and contents_of(name).fullmatch(found) is not None
                    if is_content and (now - self._fs.modified(path)).total_seconds() > _ABANDONED_S:
                        self._remove([found])

    def _put_back(self, before: bytes | None, ours: bytes) -> None:
        """Restore the metadata where ours was written, or a part of it.

        What somebody else has saved meanwhile stays.
        """
        with contextlib.suppress(Exception):  # what counts is why it failed
            found = self._metadata()
            if found is None or found == before or not ours.startswith(found):
                return
            if before is None:
                self._remove([self.metadata_name])
            else:
                self._fs.pipe_file(self._at(self.metadata_name), before)

    def _remove(self, names: Iterable[str]) -> None:
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
