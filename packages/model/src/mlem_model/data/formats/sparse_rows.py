"""Sparse matrices as tables of Arrow: a row of the matrix is a row of the table.

It has two columns of lists, ``columns`` and ``values``: the numbers of the columns that have a value, and these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlem_model.data.types.arrays.sparse import SparseType
from mlem_model.errors import DataError

if TYPE_CHECKING:
    import pyarrow

COLUMNS, VALUES = "columns", "values"


def to_table(data_type: SparseType, value: Any) -> pyarrow.Table:
    """Return a matrix as a table.

    Args:
        data_type: Its type.
        value: The matrix, or what converts to one.
    """
    import pyarrow as pa

    rows = data_type.as_rows(value)
    offsets = pa.array(rows.indptr, pa.int64())
    lists = {COLUMNS: pa.array(rows.indices, pa.int32()), VALUES: pa.array(rows.data)}
    return pa.table({name: pa.LargeListArray.from_arrays(offsets, items) for name, items in lists.items()})


def from_table(data_type: SparseType, table: pyarrow.Table) -> Any:
    """Return the matrix of a table, whose parts are known to fit together.

    Args:
        data_type: The type that it has to be of.
        table: The table.

    Raises:
        DataError: It is none of a matrix.
    """
    import numpy as np

    if table.column_names != [COLUMNS, VALUES]:
        raise DataError("data", f"the columns {COLUMNS} and {VALUES}", f"{', '.join(table.column_names)[:100]}")
    columns, values = (_one_chunk(table.column(name), name) for name in (COLUMNS, VALUES))
    offsets = np.asarray(columns.offsets, dtype="int64")
    if not np.array_equal(offsets - offsets[0], np.asarray(values.offsets, dtype="int64") - values.offsets[0].as_py()):
        raise DataError("data", f"lists of the same lengths in {COLUMNS} and {VALUES}", "lists of others")
    names = columns.flatten().to_numpy(zero_copy_only=False)
    return data_type.of_rows(values.flatten().to_numpy(zero_copy_only=False), names, offsets - offsets[0])


def _one_chunk(column: pyarrow.ChunkedArray, name: str) -> Any:
    import pyarrow as pa

    found = column.combine_chunks()
    if isinstance(found, pa.ChunkedArray):  # several, or none at all
        found = pa.concat_arrays(found.chunks) if found.num_chunks else pa.array([], column.type)
    if not (pa.types.is_list(found.type) or pa.types.is_large_list(found.type)):
        raise DataError(name, "lists", f"values of {found.type}")
    if found.null_count or found.flatten().null_count:
        raise DataError(name, "lists without missing values", "missing ones")
    return found
