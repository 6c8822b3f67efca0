"""Rows like those of a sample, with one thing changed: what other callers might send in the same batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlem_model.data.types.base import module_of

COLUMNS = 24
"""So many columns are changed one at a time; wider tables are only changed in all columns at once."""
HUGE = 1e6


def changes_of(value: Any) -> Sequence[Any] | None:
    """Return variants of some rows, each with every row changed in the same way.

    Changed values are extreme, negative, missing, empty, long, or of another category.

    Args:
        value: Rows of a sample.

    Returns:
        The variants; None where some part of the rows can't be changed: then nothing would show what another value
        there does to its neighbours.
    """
    if module_of(value) == "pandas":
        return _frames(value) if type(value).__name__ == "DataFrame" else _series(value)
    if module_of(value) == "numpy" and hasattr(value, "ndim") and value.ndim:
        return _arrays(value)
    return _lists(value) if isinstance(value, list) else None


def _frames(frame: Any) -> list[Any] | None:
    import pandas as pd

    per_column = [_series(frame.iloc[:, at]) for at in range(frame.shape[1])]
    if not per_column or any(versions is None for versions in per_column):
        return None
    known = [versions for versions in per_column if versions is not None]
    # all columns at once
    found = [[versions[number % len(versions)] for versions in known] for number in range(max(map(len, known)))]
    for at, versions in enumerate(known[:COLUMNS] if len(known) > 1 else ()):  # one column at a time
        found += [
            [version if at == other else frame.iloc[:, other] for other in range(frame.shape[1])]
            for version in versions
        ]
    frames = []
    for parts in found:
        changed = pd.concat([part.reset_index(drop=True) for part in parts], axis=1)
        changed.columns = frame.columns
        frames.append(changed)
    return frames


def _series(series: Any) -> list[Any] | None:
    """Return variants of a column; None where it can't be changed."""
    import pandas as pd

    kinds = pd.api.types
    if isinstance(series.dtype, pd.CategoricalDtype):
        others = [
            category for category in series.cat.categories if len(series) and category != series.iloc[len(series) // 2]
        ]
        return _versions(series, [*others[:2], None]) if others else None
    if kinds.is_bool_dtype(series.dtype):
        return [~series]
    if kinds.is_integer_dtype(series.dtype):
        unsigned = "u" in str(series.dtype).lower()
        return _versions(
            series,
            [100, 0, *([] if unsigned else [-100]), *([pd.NA] if not isinstance(series.dtype, _numpy_dtype()) else [])],
        )
    if kinds.is_float_dtype(series.dtype):
        return _versions(series, [HUGE, -HUGE, 0.0, float("nan")])
    if kinds.is_datetime64_any_dtype(series.dtype) or kinds.is_timedelta64_dtype(series.dtype):
        step = pd.Timedelta(days=1000)
        return [series + step, series - step, *(_versions(series, [pd.NaT]) or [])]
    if kinds.is_string_dtype(series.dtype) and all(
        isinstance(item, str) or item is None or item != item for item in series.tolist()
    ):
        return _versions(series, ["", "a" * 300, "another", None])
    return None


def _numpy_dtype() -> type:
    import numpy as np

    return np.dtype


def _versions(series: Any, values: Sequence[Any]) -> list[Any] | None:
    """Return the column with one value for all rows, and with every second row so.

    Values that its dtype does not take are left out.
    """
    found = []
    for value in values:
        for chosen in (slice(None), slice(None, None, 2)):
            changed = series.copy()
            try:
                changed.iloc[chosen] = value
            except (TypeError, ValueError, OverflowError):
                break
            if changed.dtype == series.dtype:
                found.append(changed)
    return found or None


def _arrays(array: Any) -> list[Any] | None:
    kind = array.dtype.kind
    extremes: dict[str, list[Any]] = {
        "f": [float("nan"), HUGE, -HUGE, 0.0],
        "i": [100, 0, -100],
        "u": [100, 0],
        "U": ["", "a", "z"],
    }
    if kind == "b":
        return [~array]
    if kind not in extremes:
        return None
    columns: list[Any] = [slice(None)]
    if array.ndim == 2 and 1 < array.shape[1] <= COLUMNS:
        columns += list(range(array.shape[1]))
    found = []
    for extreme in extremes[kind]:
        for column in columns:
            changed = array.copy()
            changed[(slice(None), column) if array.ndim > 1 else slice(None)] = extreme
            found.append(changed)
    return found


def _lists(items: list[Any]) -> list[Any] | None:
    """Return variants of a list; lists and dicts inside it are changed in their contents."""
    versions = [_item(item) for item in items]
    if not items or any(not found for found in versions):
        return None
    return [[found[number % len(found)] for found in versions] for number in range(max(map(len, versions)))]


def _item(item: Any) -> list[Any]:
    """Return other values that resemble one; none where there are none."""
    plain: dict[type, Callable[[Any], list[Any]]] = {
        str: lambda text: ["", "a" * 300, text.upper() + "b"],
        bool: lambda flag: [not flag],
        int: lambda _number: [10**6, 0, -(10**6)],
        float: lambda _number: [HUGE, -HUGE, 0.0, float("nan")],
        bytes: lambda _content: [b"", b"a" * 300],
        type(None): lambda _nothing: [None],
    }
    if type(item) in plain:
        return plain[type(item)](item)
    if isinstance(item, list | tuple):
        parts = _lists(list(item))
        return [type(item)(part) for part in parts] if parts and type(item) in (list, tuple) else []
    if type(item) is dict:
        parts = _lists(list(item.values()))
        return [dict(zip(item, part, strict=True)) for part in parts] if parts else []
    return []
