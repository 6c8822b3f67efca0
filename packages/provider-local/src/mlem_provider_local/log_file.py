"""The log of a deployment: written only by its supervisor, in files of limited size, and read from the oldest on."""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

LOG_FILE = "server.log"
MAX_BYTES = 10 * 2**20
FILES = 3
"""The number and the size of files, as with ``docker run --log-opt max-size=10m --log-opt max-file=3``."""
_SPARE_BYTES = 65536
_FOLLOW_POLL_S = 0.2


class LogWriter:
    """Writes the log to this process's standard output, which is a file.

    Args:
        max_bytes: The size at which the file is put aside and a new one is begun.
        files: How many files there are, including the one that is being written.

    Attributes:
        path: The file; None where the output is none that can be put aside.
        dropped: The inodes of the files that were deleted to make room: others get them.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, files: int = FILES) -> None:
        self._max_bytes = max_bytes
        self._files = files
        self._between_lines = True
        self.dropped: list[int] = []
        self.path = _path_of_output()
        self._size_bytes = os.fstat(1).st_size if self.path is not None else 0

    def write(self, data: bytes) -> None:
        """Write a server's output; a full disk loses lines, but does not stop the server."""
        room = self._max_bytes + (
            0 if self._between_lines else _SPARE_BYTES
        )  # a line is not split, unless it has no end
        if self._size_bytes and self._size_bytes + len(data) > room:
            self._put_aside()
        self._size_bytes += len(data)
        self._between_lines = data.endswith(b"\n")
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(1, data) :]

    def place(self) -> tuple[int, int]:
        """Return the file that is written and its length: inode, bytes."""
        found = os.fstat(1)
        return found.st_ino, found.st_size

    def reopen(self) -> None:
        """Open the file by its name again: another process has put it aside."""
        if self.path is None:
            return
        with contextlib.suppress(OSError):  # the folder is gone: writing continues in the old file
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            os.dup2(file, 1)
            os.dup2(file, 2)
            os.close(file)
            self._size_bytes = os.fstat(1).st_size

    def _put_aside(self) -> None:
        if self.path is None:
            return
        names = names_of(self.path, self._files)
        with contextlib.suppress(OSError):
            self.dropped.append(names[0].stat().st_ino)
        for older, newer in itertools.pairwise(names):
            with contextlib.suppress(OSError):  # there are not so many yet
                newer.replace(older)
        self.reopen()


def _path_of_output() -> Path | None:
    """Return the path of the standard output; None where it is not a file that can be put aside."""
    if not stat.S_ISREG(os.fstat(1).st_mode):
        return None
    try:
        path = Path(os.readlink("/proc/self/fd/1"))
    except OSError:  # a system without /proc
        return None
    return path if path.name == LOG_FILE and path.exists() else None


def names_of(path: Path, files: int = FILES) -> list[Path]:
    """Return the names that a log's files have, the oldest first.

    ``server.log.2``, ``server.log.1``, ``server.log``.
    """
    return [*(path.with_name(f"{path.name}.{number}") for number in range(files - 1, 0, -1)), path]


def read(path: Path, *, tail: int | None, follow: Callable[[], bool] | None) -> Iterator[str]:
    """Yield the lines of a log.

    Args:
        path: The file that is written.
        tail: How many of the last lines; None for all.
        follow: Says whether somebody still writes: until then new lines are yielded too, even when the file is put
            aside in the meantime. None to end with what is there.
    """
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(file) for name in names_of(path) if (file := _open(name)) is not None]
        if not opened:
            return
        lines = (line for file in opened for line in file)
        part = b""
        for line in deque(lines, maxlen=tail) if tail is not None else lines:
            if follow is not None and not line.endswith(b"\n"):
                part = line  # the rest follows
            else:
                yield as_text(line)
        current = opened[-1]
        while follow is not None:
            goes_on = follow()  # asked before reading, so that what was written before the end is read
            for line in current:
                part += line
                if part.endswith(b"\n"):
                    yield as_text(part)
                    part = b""
            newer = _next(path, current)
            if newer is not None:
                current = stack.enter_context(newer)
            elif not goes_on:
                break
            else:
                time.sleep(_FOLLOW_POLL_S)
        if part:
            yield as_text(part)


def _next(path: Path, current: BinaryIO) -> BinaryIO | None:
    """Return the file after the one that is read, if that was put aside and has been read to its end.

    None where there is no such file yet.
    """
    names = names_of(path)
    at = os.fstat(current.fileno())
    places = [number for number, name in enumerate(names) if _is(name, at)]
    if places and places[0] == len(names) - 1:
        return None
    if at.st_size > current.tell():  # written between reading and looking
        return None
    following = names[places[0] + 1 :] if places else names
    return next((file for name in following if (file := _open(name)) is not None), None)


def _is(name: Path, at: os.stat_result) -> bool:
    try:
        return os.path.samestat(name.stat(), at)
    except OSError:
        return False


def _open(name: Path) -> BinaryIO | None:
    try:
        return name.open("rb")
    except OSError:
        return None


def as_text(line: bytes) -> str:
    """Return a line of a log, without its end."""
    return line.decode(errors="replace").rstrip("\r\n")
