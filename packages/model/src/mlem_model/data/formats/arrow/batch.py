"""`Batch`: the rows of a stream that has one batch of them, as arrays that look at the body.

Whatever is not of that form (several batches, compression, a part that does not fit) is left to pyarrow, which says
what is wrong with it.

Sources: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc, and
https://github.com/apache/arrow/blob/main/format/Message.fbs for the numbers of the fields (read 2026-11).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from mlem_model.data.formats.flatbuffers import Table

SCHEMA, DICTIONARY, RECORDS = 1, 2, 3
"""Kinds of messages."""
_CONTINUED = b"\xff\xff\xff\xff"
_END = _CONTINUED + bytes(4)
_KIND, _HEADER, _SIZE = 1, 2, 3
_LENGTH, _NODES, _BUFFERS, _COMPRESSION = 0, 1, 2, 3
_ALIGNED_BYTES = 8
_FEW_BYTES = 512
"""Parts of columns up to here are gathered at once; longer ones are copied one by one."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a stream.

    Attributes:
        kind: What it is: `SCHEMA`, `DICTIONARY`, `RECORDS`.
        header: Its description.
        start: Where its content begins.
        end: Where it ends.
    """

    kind: int
    header: Table
    start: int
    end: int


def message_at(body: bytes | bytearray, at: int) -> Message | None:
    """Return the message that begins somewhere; None at the end of a stream, and where there is no whole message.

    Raises:
        ValueError, struct.error: Its description is damaged.
    """
    start = at + 8 + int.from_bytes(body[at + 4 : at + 8], "little")
    if body[at : at + 4] != _CONTINUED or start == at + 8 or start > len(body):
        return None
    table = Table.root(bytes(body[at + 8 : start]))
    size = table.number(_SIZE)
    if size < 0 or start + size > len(body):
        return None
    return Message(table.byte(_KIND), table.table(_HEADER), start, start + size)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows.

    Attributes:
        body: The whole stream.
        rows: How many there are.
        nulls: How many values each column lacks.
        starts: Where each part of each column begins in the body.
        sizes: The size of each part in bytes.
    """

    body: bytes | bytearray
    rows: int
    nulls: Any
    starts: Any
    sizes: Any

    @classmethod
    def only(cls, body: bytes | bytearray, at: int) -> Batch | None:
        """Return the batch that begins somewhere, where it is the last of its stream, and nothing of it is compressed.

        Args:
            body: The whole stream.
            at: Where it begins.
        """
        import numpy as np
        import pyarrow as pa

        try:
            pa.ipc.read_message(pa.py_buffer(body).slice(at))  # it is known to look well-formed only then
            message = message_at(body, at)
            if message is None or message.kind != RECORDS or message.header.has(_COMPRESSION):
                return None
            rows = message.header.number(_LENGTH)
            nodes = np.frombuffer(message.header.pairs(_NODES), "<i8")
            parts = np.frombuffer(message.header.pairs(_BUFFERS), "<i8")
        except (pa.ArrowException, OSError, ValueError, struct.error, EOFError):
            return None
        if rows <= 0 or not len(nodes) or not len(parts) or not (nodes[::2] == rows).all():
            return None
        if len(body) > message.end and body[message.end : message.end + 8] != _END:
            return None
        starts, sizes, most = parts[::2], parts[1::2], message.end - message.start
        if parts.min() < 0 or parts.max() > most or (starts + sizes).max() > most or (starts % _ALIGNED_BYTES).any():
            return None
        return cls(body, rows, nodes[1::2], starts + message.start, sizes)

    def block(self, parts: Any, dtype: Any, count: int) -> Any:
        """Return parts of several columns as one array of the shape (columns, ``count``); None where one is too short.

        It looks at the body where the parts lie at one distance, and otherwise is a copy.

        Args:
            parts: The places of the parts.
            dtype: The numpy dtype of their values.
            count: How many values each has.
        """
        import numpy as np

        starts, size = self.starts[parts], count * dtype.itemsize
        if self.sizes[parts].min() < size:
            return None
        steps = np.diff(starts)
        step = int(steps[0]) if len(steps) else size
        if step >= size and (steps == step).all():
            found: Any = np.ndarray((len(starts), count), dtype, self.body, int(starts[0]), (step, dtype.itemsize))
            return found if found.flags.aligned and 2 * size > step else found.copy()
        if size <= _FEW_BYTES and not (starts % dtype.itemsize).any():
            flat = np.frombuffer(self.body, dtype, len(self.body) // dtype.itemsize)
            return flat[(starts // dtype.itemsize)[:, None] + np.arange(count)]
        found = np.empty((len(starts), count), dtype)
        for number, start in enumerate(starts.tolist()):
            found[number] = np.frombuffer(self.body, dtype, count, start)
        return found

    def bits(self, parts: Any) -> Any:
        """Return parts that have a bit for each row as booleans of the shape (columns, rows); see `block`."""
        import numpy as np

        packed = self.block(parts, np.dtype("uint8"), -(-self.rows // 8))
        if packed is None:
            return None
        return np.unpackbits(packed, axis=1, count=self.rows, bitorder="little").view(bool)

    def missing(self, columns: Any, parts: Any) -> dict[int, Any] | None:
        """Say which values are missing.

        Args:
            columns: The places of columns.
            parts: The places of the parts that say it.

        Returns:
            Booleans of the shape (rows,) for each column that lacks some, by its number among these; None where their
            count is another one than the batch says.
        """
        counts, said = self.nulls[columns], self.sizes[parts]
        if not said.any():
            return None if counts.any() else {}
        said = said > 0
        found = {}
        for number in said.nonzero()[0].tolist():
            there = self.bits(parts[number : number + 1])
            if there is None or self.rows - int(there.sum()) != counts[number]:
                return None
            if counts[number]:
                found[number] = ~there[0]
        return None if counts[~said].any() else found
