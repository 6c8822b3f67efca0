"""`Entry`: a file, a folder or a link of a layer."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

Open = Callable[[], IO[bytes]]


@dataclass(frozen=True)
class Entry:
    """One of them.

    Attributes:
        path: Where it is in the image, without a slash at the beginning.
        mode: Its permissions.
        size_bytes: The length of a file.
        open: Opens a file's content; None for a folder or a link.
        link: Where a link points to.
    """

    path: str
    mode: int = 0o644
    size_bytes: int = 0
    open: Open | None = None
    link: str = ""

    def to_tar(self) -> tarfile.TarInfo:
        """Return its header: of nobody in particular, at the beginning of time."""
        found = tarfile.TarInfo(self.path)
        found.mode = self.mode
        if self.link:
            found.type, found.linkname = tarfile.SYMTYPE, self.link
        elif self.open is None:
            found.type = tarfile.DIRTYPE
        else:
            found.size = self.size_bytes
        return found


def with_folders(entries: Iterable[Entry], known: Iterable[str] = ()) -> Iterator[Entry]:
    """Yield entries with the folders that they are in before them, each once.

    Args:
        entries: The entries, in order.
        known: Folders that are there already.
    """
    there = {*known, ".", ""}
    for entry in entries:
        if entry.path.rpartition("/")[0] not in there:
            for parent in reversed(PurePosixPath(entry.path).parents):
                if str(parent) not in there:
                    there.add(str(parent))
                    yield Entry(str(parent), 0o755)
        if entry.open is None and not entry.link:
            if entry.path in there:
                continue
            there.add(entry.path)
        yield entry
