"""Columns of intervals; each value is ``{"left": ..., "right": ...}``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlem_model.data.types.base import Json, child, mismatch
from mlem_model.data.types.tables.dtypes import INTERVAL, Convert, PathOf
from mlem_model.errors import DataError


def encode_intervals(series: Any, dtype: str, path_of: PathOf, encode: Convert) -> list[Json]:
    """Encode a column of intervals, or of objects that are intervals.

    Args:
        series: The column.
        dtype: What its dtype has to be.
        path_of: Where a row is.
        encode: Encodes a column.

    Raises:
        DataError: An interval is closed on other sides.
    """
    import pandas as pd

    parsed = INTERVAL.fullmatch(dtype)
    if parsed is None:
        raise AssertionError("family_of has looked")
    values = [item if hasattr(item, "left") else None for item in series.tolist()]
    for row, item in enumerate(values):
        if item is not None and item.closed != parsed[2]:
            raise DataError(
                path_of(row), f"an interval that is closed: {parsed[2]}", f"one that is closed: {item.closed}"
            )
    missing = [item is None for item in values]
    there = [item for item in values if item is not None]
    sides = [
        encode(pd.Series([getattr(item, side) for item in there]), parsed[1], path_of) if there else []
        for side in ("left", "right")
    ]
    encoded = iter(zip(*sides, strict=True))
    return [None if gone else dict(zip(("left", "right"), next(encoded), strict=True)) for gone in missing]


def decode_intervals(payload: Sequence[Json], dtype: str, path_of: PathOf, decode: Convert) -> Any:
    """Decode a column of intervals.

    Args:
        payload: The values.
        dtype: Its dtype.
        path_of: Where a row is.
        decode: Decodes a column.

    Raises:
        DataError: A value is not an interval.
    """
    import numpy as np
    import pandas as pd

    parsed = INTERVAL.fullmatch(dtype)
    if parsed is None:
        raise AssertionError("family_of has looked")
    for row, item in enumerate(payload):
        if item is not None and (not isinstance(item, dict) or item.keys() != {"left", "right"}):
            raise mismatch(path_of(row), 'an interval, {"left": ..., "right": ...}, or null', item)
    there = [(row, item) for row, item in enumerate(payload) if item is not None]
    sides = [
        decode(
            [item[side] for _, item in there],
            parsed[1],
            lambda at, side=side: child(path_of(there[at][0]), side),  # type: ignore[misc]  # side is bound here
        )
        for side in ("left", "right")
    ]
    try:
        made = pd.arrays.IntervalArray.from_arrays(*sides, closed=parsed[2])
    except ValueError as error:
        raise DataError(path_of(0), "intervals whose left side is not after their right side", "others") from error
    if len(there) == len(payload):
        return pd.Series(made)
    taken = np.full(len(payload), -1)
    taken[[row for row, _ in there]] = np.arange(len(there))
    return pd.Series(made.take(taken, allow_fill=True))
