"""Values of streams of Arrow: of the usual form without a look at any column, and otherwise as pyarrow reads them."""

from __future__ import annotations

import contextlib
import functools
import math
import re
from typing import TYPE_CHECKING, Any, Protocol

from mlem_model.data.formats.arrow.known import Layouts
from mlem_model.data.formats.arrow_bounds import is_list_of_numbers, unknown_type
from mlem_model.data.formats.sparse_rows import from_table
from mlem_model.data.types.arrays.array import NdarrayType
from mlem_model.data.types.arrays.sparse import SparseType
from mlem_model.data.types.base import DataType
from mlem_model.data.types.containers.sequences import ListType
from mlem_model.data.types.tables.columns import family_of
from mlem_model.data.types.tables.frames import DataFrameType
from mlem_model.data.types.tables.polars import PolarsType
from mlem_model.data.types.tables.series import SeriesType
from mlem_model.errors import DataError

if TYPE_CHECKING:
    import pyarrow

_LEVEL = re.compile(r"__index_level_\d+__")
"""Source: https://arrow.apache.org/docs/python/pandas.html, section "Handling pandas Indexes" (read 2026-11)."""


class ReadArrow(Protocol):
    """Reads a stream of Arrow data that may be hostile, and checks that its parts fit together.

    Attributes:
        most_bytes: How large a table may be: rows by columns by eight bytes.
    """

    most_bytes: float

    def __call__(self, body: bytes | bytearray) -> pyarrow.Table:
        """Return the table."""


def load_arrow(data_type: DataType, body: bytes | bytearray, path: str, read: ReadArrow | None) -> Any:
    """Read a value, and check it.

    Args:
        data_type: What it has to be.
        body: The whole stream.
        path: Where it is, for messages.
        read: Reads the stream; None where the sender is trusted.

    Raises:
        DataError: The value does not fit.
        Exception: What pyarrow raises on damaged streams.
    """
    layouts = Layouts.of(data_type)
    value = layouts.read(body, math.inf if read is None else read.most_bytes) if layouts is not None else None
    if value is not None:
        return value
    table = (read or _read_arrow)(body)
    value = data_type.accept(_from_arrow(data_type, table), path)
    if layouts is not None:
        layouts.meet(body, table, value)
    return value


def _from_arrow(data_type: DataType, table: pyarrow.Table) -> Any:
    if isinstance(data_type, NdarrayType):
        return _stacked(table)
    if isinstance(data_type, ListType):
        if table.num_columns != 1:
            raise DataError("data", "one column", f"{table.num_columns} columns")
        return table.column(0).to_pylist()
    if isinstance(data_type, SparseType):
        return from_table(data_type, table)
    for name, kind in zip(table.column_names, table.schema.types, strict=True):
        if is_list_of_numbers(kind):  # only the rows of a sparse matrix are lists
            raise unknown_type(name, kind)
    if isinstance(data_type, PolarsType):
        import polars as pl

        found = pl.DataFrame(pl.from_arrow(table))
        return found.to_series() if data_type.series and found.width == 1 else found
    exact = any(
        family_of(dtype) == "nullable" for dtype in getattr(data_type, "dtypes", (getattr(data_type, "dtype", ""),))
    )
    table = _with_floats(table, data_type)
    frame = table.replace_schema_metadata().to_pandas(types_mapper=_nullable().get if exact else None)
    frame = _with_own_names(frame, data_type)
    if isinstance(data_type, SeriesType):
        if frame.shape[1] != 1:
            raise DataError("data", "one column", f"{frame.shape[1]} columns")
        return frame.iloc[:, 0].rename(data_type.name)
    return frame


def _stacked(table: pyarrow.Table) -> Any:
    """Return columns as one array."""
    import numpy as np
    import pyarrow as pa

    batches = table.to_batches()
    if len(batches) == 1 and len({kind.id for kind in table.schema.types}) == 1:
        with contextlib.suppress(pa.ArrowException, TypeError):  # it takes only numbers without nulls
            return batches[0].to_tensor().to_numpy()
    return np.column_stack([column.to_numpy() for column in table.columns])


def _with_own_names(frame: Any, data_type: DataType) -> Any:
    """Name the levels of an index that Arrow has written as columns of its own, ``__index_level_0__``.

    Leave out what only counts rows.
    """
    index_cols = getattr(data_type, "index_cols", ())
    levels = [name for name in frame.columns if _LEVEL.fullmatch(str(name))]
    if not levels:
        return frame
    named = (
        dict(zip(levels, map(str, index_cols), strict=False))
        if not set(map(str, index_cols)) & set(frame.columns)
        else {}
    )
    return frame.rename(columns=named).drop(columns=[name for name in levels if name not in named])


def _with_floats(table: pyarrow.Table, data_type: DataType) -> pyarrow.Table:
    """Give columns without any value, which have no type, a dtype of floats where the data type has floats."""
    import pyarrow as pa

    dtypes = dict(zip(data_type.names, data_type.dtypes, strict=True)) if isinstance(data_type, DataFrameType) else {}
    for at, field in enumerate(table.schema):
        if pa.types.is_null(field.type) and family_of(dtypes.get(field.name, "object")) == "float":
            table = table.set_column(at, field.name, table.column(at).cast(pa.float64()))
    return table


def _read_arrow(body: bytes | bytearray) -> pyarrow.Table:
    import pyarrow as pa

    with pa.ipc.open_stream(pa.py_buffer(body)) as reader:
        table = reader.read_all()
    table.validate(full=True)
    return table


@functools.cache
def _nullable() -> dict[Any, Any]:
    """Map Arrow's types to those of pandas that keep integers beside missing values."""
    import pandas as pd
    import pyarrow as pa

    names = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
    mapped = {
        getattr(pa, name)(): pd.array(
            [], dtype=name.replace("uint", "UInt").replace("int", "Int") if name[0] == "u" else name.title()
        ).dtype
        for name in names
    }
    return {**mapped, pa.bool_(): pd.BooleanDtype(), pa.float32(): pd.Float32Dtype(), pa.float64(): pd.Float64Dtype()}
