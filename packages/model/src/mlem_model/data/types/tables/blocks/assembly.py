"""Frames of parts that are there already, blocks of numpy and columns of pandas' own dtypes, and their columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Part = tuple[Any, Sequence[int]]
"""Values, and the places of their columns: an array of the shape (columns, rows), or an extension array of one."""


def frame_of_parts(parts: Sequence[Part], rows: int, columns: Any) -> Any:
    """Make a frame of parts without a look at any column; arrays of numpy are not copied.

    `pandas.DataFrame` takes five microseconds for each column. Source:
    https://github.com/pandas-dev/pandas/blob/v3.0.0/pandas/api/internals.py, which has been there since pandas 3.

    Args:
        parts: Together, each place once.
        rows: How many rows each has.
        columns: The labels of the columns: an index.
    """
    import numpy as np
    import pandas as pd

    if len(parts) == 1 and getattr(parts[0][0], "ndim", 1) == 2:
        return pd.DataFrame(parts[0][0].T, columns=columns, copy=False)
    try:
        from pandas.api.internals import create_dataframe_from_blocks
    except ImportError:
        series = {
            at: values[number] if values.ndim == 2 else values
            for values, places in parts
            for number, at in enumerate(places)
        }
        frame = pd.DataFrame({at: series[at] for at in range(len(columns))}, index=pd.RangeIndex(rows))
        frame.columns = columns
        return frame
    blocks = [(values, np.asarray(places, dtype=np.intp)) for values, places in parts]
    return create_dataframe_from_blocks(blocks, index=pd.RangeIndex(rows), columns=columns)


def arrays_of(frame: Any) -> list[Any]:
    """Return the columns of a frame as arrays of numpy or pandas; a series of each would take twenty microseconds."""
    arrays = getattr(frame, "_iter_column_arrays", None)  # of pandas' own
    return list(arrays()) if arrays else [frame.iloc[:, at].array for at in range(frame.shape[1])]
