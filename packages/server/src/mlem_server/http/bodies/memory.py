"""`BodyMemory`: one piece of memory for a body of known size, which whoever decodes it looks at without a copy.

It is taken as the body arrives, not as it is announced, and the system gives a page of it only when something is
written there. Source of how it is made: https://docs.python.org/3/c-api/bytearray.html (read 2026-11).
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterable

FIRST_BYTES = 2**20
"""So much is taken at first, whatever is announced."""
_GROWTH = 8
"""Whoever has filled that gets this many times as much. What has arrived is copied then, an eighth of the body."""

_make = ctypes.pythonapi.PyByteArray_FromStringAndSize
_make.restype = ctypes.py_object
_make.argtypes = [ctypes.c_char_p, ctypes.c_ssize_t]


class BodyMemory:
    """The memory of one body.

    Args:
        size_bytes: The size of the whole body.
        parts: What of it has arrived.
    """

    def __init__(self, size_bytes: int, parts: Iterable[bytes | bytearray]) -> None:
        self._size_bytes = size_bytes
        self._arrived_bytes = 0
        self._content = unset(min(size_bytes, FIRST_BYTES))
        for part in parts:
            self._make_room(len(part))
            self._content[self._arrived_bytes : self._arrived_bytes + len(part)] = part
            self._arrived_bytes += len(part)

    def next(self, most_bytes: int) -> memoryview:
        """Return where what comes next belongs.

        Args:
            most_bytes: The most that may come.

        Raises:
            MemoryError: The system has no room for it.
        """
        self._make_room(1)
        return memoryview(self._content)[self._arrived_bytes : self._arrived_bytes + most_bytes]

    def add(self, count: int) -> None:
        """Note that so many bytes have come there."""
        self._arrived_bytes += count

    def take(self) -> bytearray | None:
        """Return the body; None while it is not complete."""
        return self._content if self._arrived_bytes == self._size_bytes else None

    def _make_room(self, count: int) -> None:
        arrived_bytes = self._arrived_bytes
        if arrived_bytes + count <= len(self._content):
            return
        larger = unset(min(self._size_bytes, max(_GROWTH * len(self._content), arrived_bytes + count)))
        larger[:arrived_bytes] = memoryview(self._content)[:arrived_bytes]
        self._content = larger


def unset(size_bytes: int) -> bytearray:
    """Return a bytearray whose content is whatever was there: ``bytearray(size)`` would write zeros into all of it.

    Raises:
        MemoryError: The system has no room for it.
    """
    made = _make(None, size_bytes)
    if not isinstance(made, bytearray):
        raise AssertionError("it makes nothing else")
    return made
