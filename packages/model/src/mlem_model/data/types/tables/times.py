"""Columns of times, durations and periods; each value is text in ISO 8601."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mlem_model.data.types.base import Json, mismatch
from mlem_model.data.types.tables.dtypes import DATETIME, PERIOD, PathOf
from mlem_model.errors import DataError


def decode_times(payload: Sequence[Json], dtype: str, path_of: PathOf) -> Any:
    """Decode a column of times.

    Raises:
        DataError: A value is not a time, or has a zone where the column has none.
    """
    import pandas as pd

    zone = (DATETIME.fullmatch(dtype) or [None, None, None])[2]
    words = f"a time in ISO 8601{' with its offset from UTC' if zone else ''}"
    times = list(payload)
    if not set(map(type, times)) <= {str, type(None)}:
        row = next(row for row, item in enumerate(times) if item is not None and type(item) is not str)
        raise mismatch(path_of(row), words, payload[row])
    try:
        parsed = pd.Series(pd.to_datetime(times, format="ISO8601", utc=bool(zone)))
        if zone is None and getattr(parsed.dtype, "tz", None) is not None:
            raise DataError(path_of(0), f"{words} without a time zone", "times with a time zone")
        return (parsed.dt.tz_convert(zone) if zone else parsed).astype(dtype)
    except (ValueError, TypeError, OverflowError) as error:
        if len(times) == 1:
            raise DataError(path_of(0), words, "a string that is not one") from error
        for row, item in enumerate(times):
            decode_times([item], dtype, _at(path_of(row)))
        raise DataError(path_of(0), words, "times with and without a time zone") from error


def _at(path: str) -> PathOf:
    return lambda _: path


def decode_texts(payload: Sequence[Json], dtype: str, path_of: PathOf) -> Any:
    """Decode a column of durations or of periods.

    Raises:
        DataError: A value is not one.
    """
    import pandas as pd

    freq = PERIOD.fullmatch(dtype)
    words = f"a period of frequency {freq[1]}" if freq else "a duration in ISO 8601"
    found = []
    for row, item in enumerate(payload):
        if item is not None and type(item) is not str:
            raise mismatch(path_of(row), words, item)
        try:
            found.append(pd.NaT if item is None else pd.Period(item, freq=freq[1]) if freq else pd.Timedelta(item))
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(path_of(row), words, "a string that is not one") from error
    return pd.Series(pd.array(found, dtype=dtype)) if freq else pd.Series(pd.to_timedelta(found)).astype(dtype)
