"""`Counted`: the content of a blob while it is sent."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import IO

_CHUNK_BYTES = 2**20
Moved = Callable[[int], None]
"""Called with the number of bytes that have moved."""


class Meter:
    """Tells of bytes the first time that they are sent.

    Args:
        moved: Called with the size of each part.
    """

    def __init__(self, moved: Moved) -> None:
        self._moved = moved
        self._furthest = 0

    def reached(self, position: int) -> None:
        """Tell of the bytes before a position that were not told of."""
        if position > self._furthest:
            told, self._furthest = self._furthest, position
            self._moved(position - told)


class Counted(io.RawIOBase):
    """A content that is sent, and counted.

    Args:
        file: The content.
        position: Where in the blob it begins.
        meter: Counts it.
    """

    def __init__(self, file: IO[bytes], position: int, meter: Meter) -> None:
        self._file = file
        self._position = position
        self._meter = meter

    def read(self, size: int = -1) -> bytes:
        """Return the next part, at least a large one: the sockets' own are small."""
        data = self._file.read(_CHUNK_BYTES if size is None or size < 0 else max(size, _CHUNK_BYTES))
        self._position += len(data)
        self._meter.reached(self._position)
        return data

    def readable(self) -> bool:
        """Yes."""
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def from_file(path: Path) -> Callable[[int], IO[bytes]]:
    """Return what opens a file from a byte on."""

    def open_at(offset: int) -> IO[bytes]:
        file = path.open("rb")
        file.seek(offset)
        return file

    return open_at
