"""`Layout`: which columns a stream has that begins in a known way.

A stream begins with its schema and its categories, and those of one caller are the same bytes each time. The first one
is read by pyarrow and judged as any other value. Where the columns have just the types on record, its beginning is kept
with what was found; a stream that begins with the same bytes needs neither a schema nor a look at any column.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlem_model.data.formats.arrow.batch import DICTIONARY, RECORDS, SCHEMA, Batch, message_at
from mlem_model.data.formats.arrow.columns import Booleans, Coded, Columns, Numbers, Texts, read_all
from mlem_model.data.types.arrays.array import NdarrayType
from mlem_model.data.types.base import DataType
from mlem_model.data.types.tables.blocks.assembly import frame_of_parts
from mlem_model.data.types.tables.categories import Categories
from mlem_model.data.types.tables.columns import family_of
from mlem_model.data.types.tables.frames import DataFrameType

if TYPE_CHECKING:
    import pyarrow

MOST_BYTES = 2**22
"""A longer beginning is not kept."""
_CELL_BYTES = 8
_ENDIANNESS = 0

Kind = tuple[Callable[..., Columns], Mapping[str, Any], int]
"""What makes columns of a kind, with which arguments, and how many parts each has."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which columns a stream has.

    Attributes:
        beginning: What the stream begins with: all before its rows.
        columns: Its columns by their kinds.
        width: How many there are.
    """

    beginning: bytes
    columns: tuple[Columns, ...]
    width: int

    @classmethod
    def of(cls, data_type: DataType, body: bytes | bytearray, table: pyarrow.Table) -> Layout | None:
        """Return the layout of a stream that was read; None where a column is not just as it is on record.

        Args:
            data_type: What the value has to be: a frame, or an array of two dimensions.
            body: The stream.
            table: What it was read as.
        """
        end = _beginning(body)
        if not 0 < end <= MOST_BYTES or not table.num_rows or not _fits(data_type, table):
            return None
        grouped: dict[Any, tuple[Kind, list[tuple[int, int]]]] = {}
        part = 0
        for at in range(table.num_columns):
            found = _kind_of(data_type, at, table.column(at))
            if found is None:
                return None
            key, kind = found
            grouped.setdefault(key, (kind, []))[1].append((at, part))
            part += kind[2]
        import numpy as np

        columns = [
            make(places=pairs[:, 0], first=pairs[:, 1], **options)
            for (make, options, _), found in grouped.values()
            for pairs in [np.array(found)]
        ]
        return cls(bytes(body[:end]), tuple(columns), table.num_columns)

    @property
    def has_numbers(self) -> bool:
        """Whether all columns are numbers, booleans or times: reading them takes no look at any."""
        return all(isinstance(some, Numbers | Booleans) for some in self.columns)

    def read(self, data_type: DataType, body: bytes | bytearray, most_bytes: float) -> Any:
        """Return the value of a stream that begins so; None where it goes on in another than the usual form.

        Args:
            data_type: What the value has to be.
            body: The stream.
            most_bytes: How large it may be: each value counts eight bytes.

        Raises:
            pyarrow.ArrowException: A text is not UTF-8.
        """
        batch = Batch.only(body, len(self.beginning))
        if batch is None or len(batch.nulls) != self.width:
            return None
        if (batch.rows * (self.width + 1) + len(self.beginning)) * _CELL_BYTES > most_bytes:
            return None
        parts = read_all(self.columns, batch)
        if parts is None:
            return None
        if isinstance(data_type, DataFrameType):
            return frame_of_parts(parts, batch.rows, data_type.labels.index.view())
        import numpy as np

        return np.ascontiguousarray(parts[0][0].T)  # in the order of rows, as arrays come in other formats


def _beginning(body: bytes | bytearray) -> int:
    """Return where the rows of a stream begin; 0 where that can't be told."""
    at = 0
    try:
        while (message := message_at(body, at)) is not None:
            if message.kind == RECORDS:
                return at
            swapped = message.kind == SCHEMA and message.header.has(_ENDIANNESS)
            if message.kind not in (SCHEMA, DICTIONARY) or swapped:
                return 0
            at = message.end
    except (ValueError, struct.error):
        pass
    return 0


def _fits(data_type: DataType, table: pyarrow.Table) -> bool:
    if isinstance(data_type, DataFrameType):
        return not data_type.index_cols and not data_type.items and table.column_names == data_type.names
    return isinstance(data_type, NdarrayType) and data_type.fits((table.num_rows, table.num_columns))


def _kind_of(data_type: DataType, at: int, column: pyarrow.ChunkedArray) -> tuple[Any, Kind] | None:
    """Return the kind of a column, and what columns that are read together have in common; None where it is another."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    frame = isinstance(data_type, DataFrameType)
    dtype = data_type.dtypes[at] if isinstance(data_type, DataFrameType) else str(getattr(data_type, "dtype", ""))
    family, kind = family_of(dtype), column.type
    if family == "bool" and pa.types.is_boolean(kind):
        return dtype, (Booleans, {}, 2)
    if family in ("int", "float") and kind == pa.from_numpy_dtype(np.dtype(dtype)):
        return dtype, (Numbers, {"dtype": np.dtype(dtype), "missing": np.nan if family == "float" else None}, 2)
    if family == "datetime" and frame and pa.types.is_timestamp(kind):
        if kind.tz or dtype != f"datetime64[{kind.unit}]":
            return None
        return dtype, (Numbers, {"dtype": np.dtype(dtype), "missing": np.datetime64("NaT", kind.unit)}, 2)
    if dtype == "str" and (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        own = pd.Series([], dtype="str").dtype
        if not hasattr(own, "__from_arrow__"):  # before pandas 3
            return None
        offsets = np.dtype("int32" if pa.types.is_string(kind) else "int64")
        return (dtype, kind), (Texts, {"kind": kind, "offsets": offsets, "dtype": own}, 3)
    if family == "category" and isinstance(data_type, DataFrameType) and pa.types.is_dictionary(kind):
        return _kind_of_categories(data_type.categories.get(data_type.names[at]), column)
    return None


def _kind_of_categories(categories: Categories | None, column: pyarrow.ChunkedArray) -> tuple[Any, Kind] | None:
    import numpy as np
    import pyarrow as pa

    if categories is None or categories.kind is None or not pa.types.is_signed_integer(column.type.index_type):
        return None
    if column.num_chunks != 1 or column.chunk(0).dictionary.to_pylist() != list(categories.values):
        return None
    codes = np.dtype(column.type.index_type.to_pandas_dtype())
    return (codes, repr(categories)), (Coded, {"codes": codes, "dtype": categories.made}, 2)
