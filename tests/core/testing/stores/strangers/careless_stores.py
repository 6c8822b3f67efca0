"""State managers as strangers write them: each with one fault that the kit has to find every time."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from mlem.state.manager import ABSENT, Store, Versioned
from mlem.state.stores.leased import LeasedStateManager
from mlem_model.errors import ConflictError


class FolderStore(Store):
    """Files, of which the version is a digest and a count.

    Compared, then written, with nothing that holds the two together.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def where(self, name: str) -> str:
        return str(self._path(name))

    def _path(self, name: str) -> Path:
        return self._folder / name.encode().hex()

    def read(self, name: str) -> Versioned | None:
        try:
            data = self._path(name).read_bytes()
        except FileNotFoundError:
            return None
        return Versioned(data[16:], data[:16].decode())

    def expect(self, name: str, expect: str) -> None:
        found = self.read(name)
        if (found.version if found else ABSENT) != expect:
            raise ConflictError("somebody else was here")

    def write(self, name: str, data: bytes, expect: str) -> str:
        self.expect(name, expect)
        version = hashlib.sha256(os.urandom(16)).hexdigest()[:16]
        self._put(name, version.encode() + data)
        return version

    def _put(self, name: str, data: bytes) -> None:
        temporary = self._path(name).with_suffix(f".{os.getpid()}-{threading.get_ident()}")
        temporary.write_bytes(data)
        os.replace(temporary, self._path(name))

    def delete(self, name: str, expect: str) -> None:
        self.expect(name, expect)
        self._path(name).unlink()

    def names(self, prefix: str = "") -> Iterator[str]:
        names = (bytes.fromhex(path.name).decode() for path in self._folder.iterdir() if "." not in path.name)
        yield from sorted(name for name in names if name.startswith(prefix))


class MutexStore(FolderStore):
    """One at a time in this process, and nothing between processes."""

    _mutex = threading.Lock()

    def write(self, name: str, data: bytes, expect: str) -> str:
        with self._mutex:
            return super().write(name, data, expect)

    def delete(self, name: str, expect: str) -> None:
        with self._mutex:
            super().delete(name, expect)


class CreatingStore(FolderStore):
    """Creates exclusively, and swaps without a condition."""

    def write(self, name: str, data: bytes, expect: str) -> str:
        if expect != ABSENT:
            return super().write(name, data, expect)
        try:
            with self._path(name).open("xb") as file:
                file.write(b"0" * 16 + data)
        except FileExistsError:
            raise ConflictError("somebody else was here") from None
        return "0" * 16


class DeletingStore(FolderStore):
    """Swaps under a lock of the file system that other processes see, and deletes without it."""

    def write(self, name: str, data: bytes, expect: str) -> str:
        import filelock

        with filelock.FileLock(self._folder / ".lock"):
            return super().write(name, data, expect)


class RightStore(DeletingStore):
    """Everything under a lock that other processes see."""

    def delete(self, name: str, expect: str) -> None:
        import filelock

        with filelock.FileLock(self._folder / ".lock"):
            super().delete(name, expect)


class CarelessManager(LeasedStateManager):
    """Keeps states in one of these stores."""

    type: ClassVar[str] = "careless"

    kind: str

    def open_store(self, root: Path) -> Store:
        stores = {cls.__name__: cls for cls in (FolderStore, MutexStore, CreatingStore, DeletingStore, RightStore)}
        return stores[self.kind](Path(self.uri))
