"""`Table`: a table of flatbuffers, which the messages of Arrow are described by.

Source: https://flatbuffers.dev/internals/ for how tables are laid out (read 2026-11).
"""

from __future__ import annotations

import struct

_PAIR_BYTES = 16


class Table:
    """A table of flatbuffers.

    Args:
        content: The whole buffer.
        at: Where the table begins.
    """

    def __init__(self, content: bytes, at: int) -> None:
        self._content = content
        self._at = at
        self._fields = at - self._read("<i", at)

    @classmethod
    def root(cls, content: bytes) -> Table:
        """Return the table that a buffer begins with."""
        return cls(content, struct.unpack_from("<I", content)[0])

    def _read(self, form: str, at: int) -> int:
        if at < 0:
            raise ValueError("a place before the buffer")
        return int(struct.unpack_from(form, self._content, at)[0])

    def _place(self, field: int) -> int | None:
        entry = 4 + 2 * field
        if entry >= self._read("<H", self._fields):
            return None
        offset = self._read("<H", self._fields + entry)
        return self._at + offset if offset else None

    def has(self, field: int) -> bool:
        """Say whether the table has a field."""
        return self._place(field) is not None

    def number(self, field: int) -> int:
        """Return an integer of 64 bits; 0 where the table has none."""
        place = self._place(field)
        return 0 if place is None else self._read("<q", place)

    def table(self, field: int) -> Table:
        """Return a table within this one.

        Raises:
            ValueError: It has none.
        """
        place = self._place(field)
        if place is None:
            raise ValueError("a message without its table")
        return Table(self._content, place + self._read("<I", place))

    def byte(self, field: int) -> int:
        """Return an integer of eight bits; 0 where the table has none."""
        place = self._place(field)
        return 0 if place is None else self._read("<B", place)

    def pairs(self, field: int) -> memoryview[int]:
        """Return a vector of structs of two integers of 64 bits each, one integer after the other.

        Raises:
            ValueError: It is longer than the buffer.
        """
        place = self._place(field)
        if place is None:
            return memoryview(b"").cast("q")
        start = place + self._read("<I", place)
        end = start + 4 + self._read("<I", start) * _PAIR_BYTES
        if end > len(self._content):
            raise ValueError("more of them than there is room for")
        return memoryview(self._content)[start + 4 : end].cast("q")

    def lengths(self, field: int) -> list[int]:
        """Return the first of each pair: how long each column is.

        Raises:
            ValueError: It is longer than the buffer, or a column is of less than nothing.
        """
        lengths = self.pairs(field)[::2].tolist()
        if min(lengths, default=0) < 0:
            raise ValueError("a column of less than nothing")
        return lengths
