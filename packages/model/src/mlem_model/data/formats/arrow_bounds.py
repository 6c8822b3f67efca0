"""How large a stream of Arrow data would become, found out before it is read.

Its row counts, its compression and its repeated texts tell.

Sources: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc, the tables
of https://github.com/apache/arrow/blob/main/format/Message.fbs (read 2026-11).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlem_model.data.formats.flatbuffers import Table
from mlem_model.errors import UserError

if TYPE_CHECKING:
    import pyarrow

_BATCHES = {"record batch": 3, "dictionary": 2}
"""The messages that have rows, by their number in the union of headers; 2 is a dictionary's, which contains a batch."""
_HEADER = 2
_DATA = 1
_LENGTH, _NODES, _COMPRESSION = 0, 1, 3
_CELL_BYTES = 8


def too_large(most_bytes: float, what: str) -> UserError:
    """Return the error for data that would become too large."""
    hint = "send fewer rows at once"
    return UserError(
        f"the body unfolds to more than {most_bytes / 2**20:g} MiB: {what}", code="unfolds-too-large", hint=hint
    )


def check_stream(body: Any, most_bytes: float) -> bool:
    """Look at the messages of a stream.

    Args:
        body: The whole stream.
        most_bytes: The largest table that it may be: rows by columns by eight bytes.

    Returns:
        Whether some of it is compressed: then it has to be read where memory is bounded.

    Raises:
        UserError: It has too many rows.
        Exception: What pyarrow and struct raise on damaged streams.
    """
    import pyarrow as pa

    compressed, cells = False, 0
    for message in pa.ipc.MessageReader.open_stream(pa.py_buffer(body)):
        if message.type not in _BATCHES:
            continue
        batch = Table.root(bytes(message.metadata)).table(_HEADER)
        if message.type == "dictionary":
            batch = batch.table(_DATA)
        compressed = compressed or batch.has(_COMPRESSION)
        cells += max(0, batch.number(_LENGTH)) + sum(batch.lengths(_NODES))
        if cells * _CELL_BYTES > most_bytes:
            raise too_large(most_bytes, "it has too many rows")
    return compressed


def check_table(table: pyarrow.Table, most_bytes: float, *, lists: bool = False) -> None:
    """Look at a table whose columns may share their texts, before each cell gets a text of its own.

    Args:
        table: The table.
        most_bytes: How large its texts may be together.
        lists: Whether a column may have lists of numbers, which are as large in memory as in the stream.

    Raises:
        UserError: It has columns within columns, or its texts are too large together.
        pyarrow.ArrowInvalid: Its parts do not fit each other.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table.validate(full=True)  # before anything looks into it
    kinds = table.schema.types
    if all(map(pa.types.is_primitive, {kind.id: kind for kind in kinds}.values())):
        return  # numbers, times: as large in memory as in the stream
    total = 0
    for name, kind, column in zip(table.column_names, kinds, table.columns, strict=True):
        inner = kind.value_type if pa.types.is_dictionary(kind) else kind
        if lists and is_list_of_numbers(kind):
            continue
        if (
            pa.types.is_nested(inner)
            or pa.types.is_run_end_encoded(inner)
            or pa.types.is_union(inner)
            or pa.types.is_dictionary(inner)
        ):
            raise unknown_type(name, kind)
        for chunk in column.chunks:
            if _is_view(kind):
                total += sum(_viewed(chunk))
            elif inner is not kind and _is_view(inner):
                total += len(chunk) * max(_viewed(chunk.dictionary), default=0)
            elif inner is not kind and _is_text(inner):
                lengths = pc.binary_length(chunk.dictionary)
                total += pc.sum(lengths.take(chunk.indices)).as_py() or 0
    if total > most_bytes:
        raise too_large(most_bytes, "its texts are repeated too often")


def unknown_type(name: str, kind: pyarrow.DataType) -> UserError:
    """Return the error for a column that has other values than those of a table."""
    return UserError(
        f"the column {name[:80]!r} has the type {str(kind)[:80]}, which no column here can have", code="bad-body"
    )


def is_list_of_numbers(kind: pyarrow.DataType) -> bool:
    """Say whether the cells of a column are lists of numbers."""
    import pyarrow as pa

    return bool((pa.types.is_list(kind) or pa.types.is_large_list(kind)) and pa.types.is_primitive(kind.value_type))


def _is_view(kind: pyarrow.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind))


def _viewed(chunk: pyarrow.Array) -> memoryview[int]:
    """Return how many bytes each view's text has; several may look at the same bytes.

    A view has sixteen bytes, the first four are the length of its text. Source:
    https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout (read 2026-11).
    """
    views = memoryview(chunk.buffers()[1]).cast("B").cast("i")[: 4 * (chunk.offset + len(chunk))]
    return views[4 * chunk.offset :: 4]


def _is_text(kind: pyarrow.DataType) -> bool:
    import pyarrow as pa

    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )
