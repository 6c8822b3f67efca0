"""`Cache`: finished layers and what is known of them, in a folder beside the user's other caches.

Files are written under a name of their own and then renamed, so that nobody ever reads half of one, and several builds
share it. Every build holds a lock that others share; what is old, and what killed builds have left, is removed only by
who has it alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import platformdirs
from filelock import ReadWriteLock, Timeout

from mlem import MlemError
from mlem.provider import unusable

MOST_BYTES = 10 * 2**30
"""What was used the longest time ago is removed above that."""
FOLDER_VARIABLE = "MLEM_IMAGE_CACHE"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_LAYERS, _FACTS = "blobs", "facts"
PARTS = "parts"
"""The folder of what is not finished."""


class Cache:
    """A folder.

    Args:
        folder: Where it is; that of the user when None, or what the variable ``MLEM_IMAGE_CACHE`` names.
        most_bytes: How large it may be when nobody uses it.
    """

    def __init__(self, folder: Path | None = None, most_bytes: int = MOST_BYTES) -> None:
        named = os.environ.get(FOLDER_VARIABLE)
        self.folder = folder or (
            Path(named) if named else platformdirs.user_cache_path("mlem", appauthor=False) / "images"
        )
        self._most_bytes = most_bytes

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """Keep what is in it while this context lasts; then remove what is too much, unless others use it.

        Raises:
            UserError: It can't be written to.
        """
        with self._writing():
            for name in (_LAYERS, _FACTS, PARTS):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        lock = ReadWriteLock(self.folder / "lock.db")
        with contextlib.suppress(Timeout, OSError), lock.write_lock(timeout=0):
            self._clear()
        with lock.read_lock():
            yield
        with contextlib.suppress(Timeout, OSError), lock.write_lock(timeout=0):
            self._shrink()

    def blob(self, digest: str, size_bytes: int) -> Path | None:
        """Return the file of a layer; None where it is not there, or not as long as it should be."""
        if not _DIGEST.fullmatch(digest):  # as a base image may name a layer: it must not lead to another file
            return None
        path = self._blob(digest)
        try:
            if path.stat().st_size != size_bytes:
                return None
            _touch(path)
        except OSError:
            return None
        return path

    @contextlib.contextmanager
    def writing(self) -> Iterator[IO[bytes]]:
        """Return a context with a new file for a layer; `keep` gives it its name, otherwise it is gone afterwards.

        Raises:
            UserError: There is no room, or it can't be written to.
        """
        with self._writing(), tempfile.NamedTemporaryFile(dir=self.folder / PARTS, delete=False) as file:
            try:
                yield file
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(file.name)

    @contextlib.contextmanager
    def working(self) -> Iterator[Path]:
        """Return a context with an empty folder for its user alone; the next build removes that of a killed one.

        Raises:
            UserError: There is no room, or it can't be written to.
        """
        with self._writing(), tempfile.TemporaryDirectory(dir=self.folder / PARTS, ignore_cleanup_errors=True) as work:
            yield Path(work)

    def keep(self, file: IO[bytes], digest: str) -> Path:
        """Give a file that `writing` made the name of its content.

        Args:
            file: The file.
            digest: SHA-256 of what it has, ``sha256:...``.
        """
        file.flush()
        path = self._blob(digest)
        os.replace(file.name, path)
        return path

    def fact(self, kind: str, key: str) -> Any:
        """Return what is known of something; None where nothing is."""
        path = self._fact(kind, key)
        try:
            _touch(path)
            return json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None

    def note(self, kind: str, key: str, known: Any) -> None:
        """Note what is known of something.

        Args:
            kind: What it is: ``layer``, ``set``, ``base``.
            key: What tells it from others of the kind.
            known: JSON data.
        """
        with self.writing() as file:
            file.write(json.dumps(known, sort_keys=True).encode())
            file.flush()
            os.replace(file.name, self._fact(kind, key))

    def _blob(self, digest: str) -> Path:
        return self.folder / _LAYERS / digest.partition(":")[2]

    def _fact(self, kind: str, key: str) -> Path:
        return self.folder / _FACTS / f"{kind}-{hashlib.sha256(key.encode()).hexdigest()[:40]}.json"

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except MlemError:
            raise
        except OSError as error:
            raise unusable(self.folder, error, "write to the cache of images,") from error

    def _clear(self) -> None:
        """Remove what killed builds have left; nobody else is here."""
        for path in (self.folder / PARTS).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _shrink(self) -> None:
        """Remove what was used the longest time ago; nobody else is here."""
        files = [(path.stat(), path) for name in (_LAYERS, _FACTS) for path in (self.folder / name).iterdir()]
        size_bytes = sum(found.st_size for found, _ in files)
        for found, path in sorted(files, key=lambda item: item[0].st_mtime_ns):
            if size_bytes <= self._most_bytes:
                return
            path.unlink(missing_ok=True)
            size_bytes -= found.st_size


def _touch(path: Path) -> None:
    """Note that a file is used now; the system's own clock of files has ticks so long that the order would be lost."""
    now = time.time_ns()
    os.utime(path, ns=(now, now))
