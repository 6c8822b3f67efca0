"""A frame of pandas as a table of Arrow, for a body: all columns of one dtype at once.

`pyarrow.Table.from_pandas` looks at each column by itself, and describes it in the words of pandas, which no reader of
a body needs: that takes forty microseconds a column (``benchmarks/client.py``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlem_model.data.types.tables.blocks.assembly import arrays_of
from mlem_model.data.types.tables.columns import family_of
from mlem_model.data.types.tables.exact import block_of
from mlem_model.data.types.tables.frames import DataFrameType

if TYPE_CHECKING:
    import pyarrow

_BLOCKS = frozenset({"int", "float", "bool"})
_PLAIN = _BLOCKS | {"str", "datetime", "category"}
"""Families of dtypes that a reader knows again without being told."""


def table_of(data_type: DataFrameType, value: Any) -> pyarrow.Table | None:
    """Return a frame as a table; None for one whose index or whose dtypes need a description.

    Args:
        data_type: The frame's type.
        value: A frame whose columns are in order.
    """
    families = {dtype: family_of(dtype) for dtype in set(data_type.dtypes)}
    if data_type.index_cols or not _PLAIN.issuperset(families.values()) or not data_type.labels.are(value.columns):
        return None
    import pyarrow as pa

    places: dict[str, list[int]] = {}
    for at, dtype in enumerate(data_type.dtypes):
        places.setdefault(dtype, []).append(at)
    columns: dict[int, pa.Array] = {}
    arrays: list[Any] | None = None
    for dtype, those in places.items():
        if families[dtype] in _BLOCKS:
            block = block_of(value, those)
            columns.update({at: pa.array(block[:, number], from_pandas=True) for number, at in enumerate(those)})
        else:
            arrays = arrays if arrays is not None else arrays_of(value)
            columns.update({at: _column(arrays[at]) for at in those})
    return pa.table([columns[at] for at in range(len(data_type.dtypes))], names=data_type.names)


def _column(array: Any) -> pyarrow.Array:
    """Return a column as one array: texts that were put together may be in many, and each would be a batch."""
    import pyarrow as pa

    if hasattr(array, "codes"):
        codes = array.codes
        found = pa.array(codes, mask=codes < 0 if codes.min(initial=0) < 0 else None)
        return pa.DictionaryArray.from_arrays(
            found, pa.array(array.categories, from_pandas=True), ordered=array.ordered
        )
    found = pa.array(array, from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found
