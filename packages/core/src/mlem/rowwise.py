"""Whether a method answers row by row: found by asking it for rows in many companies, and for each of them alone.

A row that is answered otherwise among others than alone must never be sent in a joined call: its caller would be answered with what others
sent. So the rows are tried in another order, repeated, as the only value, beside extreme values and beside missing ones.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Any

from mlem.data import DataType, equal
from mlem.data_types.base import module_of

ROWS = 24
"""So many rows of the sample are tried together."""
COLUMNS = 24
"""In so many columns one value is put to the extreme, or left out, one column at a time."""
BUDGET_S = 5.0
"""A method that takes longer to try is not called for several callers at once."""
HUGE = 1e6

Ask = Callable[[Any], Any]
_log = logging.getLogger(__name__)


def answers_row_by_row(ask: Ask, takes: DataType, returns: DataType, value: Any, answer: Any, *, known: bool = False) -> bool:
    """Try whether each row of the answer depends on the same row of the only argument alone.

    Args:
        ask: Calls the method with a value of its own.
        takes: The argument's type.
        returns: The answer's type.
        value: The sample.
        answer: What the method answered to it.
        known: Whether the method's framework says so already: then the sample itself is enough to try.
    """
    count = takes.rows(value)
    if count is None or count < 2 or returns.rows(answer) != count:
        return False
    trial = _Trial(ask, takes, returns)
    try:
        if not all(trial.alone_as_among(value, answer, row) for row in sorted({0, count // 2, count - 1})):
            return False
    except Exception as error:  # the user's code raises what it likes; that it can't take one row is an answer too
        _log.debug("single rows can't be asked: %s", error)
        return False
    return known or trial.passes(takes.part(value, 0, min(count, ROWS)))


class _Trial:
    """Rows in different companies."""

    def __init__(self, ask: Ask, takes: DataType, returns: DataType) -> None:
        self._ask = ask
        self._takes = takes
        self._returns = returns

    def passes(self, value: Any) -> bool:
        started = time.monotonic()
        for rows in self._companies(value):
            if not self._holds(rows):
                return False
            if time.monotonic() - started > BUDGET_S:
                _log.info("the method takes too long to try whether it answers row by row: calls are not joined")
                return False
        return True

    def _companies(self, value: Any) -> Iterator[Any]:
        count = self._takes.rows(value) or 0
        order = list(range(count))
        yield self._taken(value, order[::-1])
        yield self._taken(value, [0, 0, *order, order[-1]])
        yield self._taken(value, order[:2])
        for row in sorted({0, count // 2, count - 1}):
            yield self._taken(value, [row] * 3)
        for changed in _changed(value):
            yield changed
            yield self._taken(changed, order[::-1])

    def _taken(self, value: Any, order: list[int]) -> Any:
        return self._takes.join([self._takes.part(value, row, row + 1) for row in order])

    def _holds(self, rows: Any) -> bool:
        """Whether rows are answered among each other as alone; so many that can't be asked together are nobody's company."""
        count = self._takes.rows(rows) or 0
        try:
            answer = self._ask(rows)
        except Exception as error:  # joined callers are then asked one by one
            _log.debug("rows can't be asked together: %s", error)
            return True
        if self._returns.rows(answer) != count:
            return False
        try:
            return all(self.alone_as_among(rows, answer, row) for row in sorted({0, 1, count // 2, count - 1} & set(range(count))))
        except Exception as error:  # it answers together what it does not answer alone
            _log.debug("single rows can't be asked: %s", error)
            return False

    def alone_as_among(self, rows: Any, answer: Any, row: int) -> bool:
        alone = self._returns.encode(self._ask(self._takes.part(rows, row, row + 1)))
        return equal(alone, self._returns.encode(self._returns.part(answer, row, row + 1)))


def _changed(value: Any) -> Iterator[Any]:
    """Yield rows of which one has an extreme or a missing value, and the others have not."""
    if module_of(value) == "pandas":
        yield from _changed_frames(value) if type(value).__name__ == "DataFrame" else _changed_series(value)
    elif module_of(value) == "numpy" and value.dtype.kind in "fiu" and value.ndim:
        yield from _changed_arrays(value)
    elif isinstance(value, list):
        yield from _changed_lists(value)


def _changed_frames(frame: Any) -> Iterator[Any]:
    import pandas as pd

    columns = list(range(frame.shape[1]))
    for chosen in [columns, *([[at] for at in columns[:COLUMNS]] if len(columns) > 1 else [])]:
        for kind in ("huge", "tiny", "missing"):
            parts = [_series(frame.iloc[:, at], kind) if at in chosen else frame.iloc[:, at] for at in columns]
            if any(part is not frame.iloc[:, at] and not part.equals(frame.iloc[:, at]) for at, part in enumerate(parts)):
                changed = pd.concat(parts, axis=1)
                changed.columns = frame.columns
                yield changed


def _changed_series(series: Any) -> Iterator[Any]:
    for kind in ("huge", "tiny", "missing"):
        changed = _series(series, kind)
        if not changed.equals(series):
            yield changed


def _series(series: Any, kind: str) -> Any:
    """Return a column with one value changed, in the middle; as it is where its dtype has no such value."""
    import pandas as pd

    changed = series.copy()
    row = len(series) // 2
    try:
        if kind == "missing":
            changed.iloc[row] = (
                None if pd.api.types.is_object_dtype(series.dtype) else pd.NA if _is_nullable(series.dtype) else float("nan")
            )
        elif pd.api.types.is_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
            whole = pd.api.types.is_integer_dtype(series.dtype)
            changed.iloc[row] = (100 if kind == "huge" else 0) if whole else HUGE * (1 if kind == "huge" else -1)
        else:
            return series
    except (TypeError, ValueError, OverflowError):
        return series
    return changed if changed.dtype == series.dtype else series


def _is_nullable(dtype: Any) -> bool:
    return hasattr(dtype, "na_value") and type(dtype).__name__ != "CategoricalDtype"


def _changed_arrays(array: Any) -> Iterator[Any]:
    row = len(array) // 2
    floats = array.dtype.kind == "f"
    extremes: list[Any] = [float("nan"), HUGE, -HUGE] if floats else [100, 0]
    columns: list[Any] = [slice(None)]
    if array.ndim == 2 and array.shape[1] > 1:
        columns += list(range(min(array.shape[1], COLUMNS)))
    for extreme in extremes:
        for column in columns:
            changed = array.copy()
            changed[(row, column) if array.ndim > 1 else row] = extreme
            yield changed


def _changed_lists(items: list[Any]) -> Iterator[Any]:
    row = len(items) // 2
    kinds = set(map(type, items))
    extremes: list[Any] = []
    if kinds == {str}:
        extremes = ["", "a" * 1000, items[0].upper()]
    elif kinds <= {int, float}:
        extremes = [HUGE, -HUGE, float("nan")] if float in kinds else [10**6, 0]
    for extreme in extremes:
        yield [*items[:row], extreme, *items[row + 1 :]]
