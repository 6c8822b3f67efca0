"""A register made of numbered versions, for file systems whose only promise is that creating a file is exclusive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mlem.state.manager import ABSENT, Store, Versioned
from mlem.state.state import STATE_EXTENSION
from mlem.state.stores.exclusive import Create
from mlem.state.stores.fsspec_errors import translated
from mlem_model.errors import ConflictError, StateUnknownError
from mlem_model.objects.files import write_atomic

ERASED = b"# erased\n"
"""The newest version of what was deleted: the numbers must go on, or a paused writer could bring an old state back."""
KEPT_VERSIONS = 10
_DIGITS = 12


class LogStore(Store):
    """Keeps ``<name>.mlem.state.d/<number>``: the highest number is the value, making the next one is the swap.

    ``<name>.mlem.state`` is a copy for other readers; nothing here reads it.

    Args:
        fs: The fsspec file system; it must not remember listings.
        base: The folder.
        create: How to make a file exclusively.
        url: The folder's URL, for messages.
    """

    def __init__(self, fs: Any, base: str, create: Create, url: str) -> None:
        self._fs = fs
        self._base = base.rstrip("/")
        self._create = create
        self._url = url

    def where(self, name: str) -> str:
        """Return the URL of a name."""
        return f"{self._url}/{name}{STATE_EXTENSION}"

    def read(self, name: str) -> Versioned | None:
        """Read the newest version; see `Store.read`."""
        for _ in range(100):
            newest = max(self._numbers(name), default=0)
            if not newest:
                return None
            try:
                with translated(self.where(name), "read"):
                    data = self._read_version(name, newest)
            except FileExistsError:
                continue  # so many versions came since the listing that this one is pruned
            return None if data == ERASED else Versioned(data, str(newest))
        raise StateUnknownError(f"{self.where(name)} changes faster than it can be read")

    def write(self, name: str, data: bytes, expect: str) -> str:
        """Make the next version; see `Store.write`."""
        return self._make(name, self._next_number(name, expect), data)

    def delete(self, name: str, expect: str) -> None:
        """Make a last version that says that there is none; see `Store.delete`."""
        self.write(name, ERASED, expect)

    def discard(self, name: str) -> None:
        """Delete a name with all its versions; see `Store.discard`."""
        with translated(self.where(name), "delete"):
            self._fs.invalidate_cache()
            for path in (self._folder(name), f"{self._base}/{name}{STATE_EXTENSION}"):
                if self._fs.exists(path):
                    self._fs.rm(path, recursive=True)

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with a prefix, sorted."""
        newest: dict[str, tuple[int, int]] = {}
        with translated(self._url, "list"):
            self._fs.invalidate_cache()
            found = self._fs.find(self._base, detail=True)
        for path, details in found.items():
            folder, _, number = path.rpartition("/")
            if number.isdigit() and folder.endswith(f"{STATE_EXTENSION}.d"):
                name = folder[len(self._base) :].strip("/").removesuffix(f"{STATE_EXTENSION}.d")
                newest[name] = max(newest.get(name, (0, 0)), (int(number), int(details["size"])))
        for name, (_, size) in sorted(newest.items()):
            if name.startswith(prefix) and (size != len(ERASED) or self.read(name) is not None):
                yield name

    def _make(self, name: str, number: int, data: bytes) -> str:
        """Make the version of a number."""
        if not self._create(self._path(name, number), data):
            raise ConflictError(
                f"{self.where(name)} was changed by somebody else since it was read", hint="look at it, then run again"
            )
        numbers = self._numbers(name)
        if max(numbers, default=number) > number:
            if not self._was_free(name, number, numbers):
                raise ConflictError(f"{self.where(name)} was changed by somebody else meanwhile", code="overtaken")
            return str(number)  # whoever went on from it has a newer copy, and prunes
        self._copy(name, data)
        self._prune(name, [old for old in sorted(numbers) if old <= number - (KEPT_VERSIONS if data != ERASED else 1)])
        return str(number)

    def _was_free(self, name: str, number: int, numbers: list[int]) -> bool:
        """Say whether others only went on from a version that was made.

        Else it was pruned, long ago, and made a second time.

        Pruning takes the lowest first: while the one before is there, this one was never pruned.
        """
        if number > 1:
            return number - 1 in numbers
        try:
            return 2 in numbers and max(numbers) <= KEPT_VERSIONS and self._read_version(name, 2) != ERASED
        except FileExistsError:
            return False

    def _next_number(self, name: str, expect: str) -> int:
        if expect != ABSENT:
            if not expect.isdigit():
                raise ConflictError(f"{self.where(name)} has no version {expect!r}")
            return int(expect) + 1
        newest = max(self._numbers(name), default=0)
        if newest and self.read(name) is not None:
            raise ConflictError(f"{self.where(name)} is there already")
        return newest + 1

    def _numbers(self, name: str) -> list[int]:
        folder = self._folder(name)
        try:
            with translated(self.where(name), "list"):
                self._fs.invalidate_cache()
                try:
                    paths = self._fs.ls(folder, detail=False)
                except FileNotFoundError:
                    return []
        except NotADirectoryError:
            return []
        return [int(last) for last in (path.rpartition("/")[2] for path in paths) if last.isdigit()]

    def _read_version(self, name: str, number: int) -> bytes:
        try:
            return bytes(self._fs.cat_file(self._path(name, number)))
        except FileNotFoundError as error:
            raise FileExistsError(str(error)) from error  # the one exception that passes untranslated

    def _copy(self, name: str, data: bytes) -> None:
        path = f"{self._base}/{name}{STATE_EXTENSION}"
        try:
            with translated(self.where(name), "write"):
                if data == ERASED:
                    if self._fs.exists(path):
                        self._fs.rm_file(path)
                elif "file" in self._fs.protocol:
                    write_atomic(Path(path), data)
                else:
                    self._fs.pipe_file(path, data)
        except StateUnknownError:
            pass  # the copy is a courtesy: the version that counts is written

    def _prune(self, name: str, numbers: list[int]) -> None:
        for number in numbers:
            try:
                with translated(self.where(name), "prune"):
                    try:
                        self._fs.rm_file(self._path(name, number))
                    except FileNotFoundError:
                        continue  # another writer prunes too
            except StateUnknownError:
                return  # the next writer prunes

    def _folder(self, name: str) -> str:
        return f"{self._base}/{name}{STATE_EXTENSION}.d"

    def _path(self, name: str, number: int) -> str:
        return f"{self._folder(name)}/{number:0{_DIGITS}d}"
