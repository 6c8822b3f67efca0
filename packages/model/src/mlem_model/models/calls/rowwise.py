"""Whether a method answers row by row, found out by calling it with rows in many combinations and with single rows.

A row that gets another answer among other rows than alone must never be sent in a joined call: its caller would get an
answer that depends on what others sent. So the rows are tried in another order, repeated, as the only value, and beside
extreme and missing values.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from mlem_model.data.types.any import DataType, equal
from mlem_model.models.calls.row_changes import changes_of

ROWS = 24
"""At most this many rows of the sample are tried together."""
MANY = 130
"""This many rows are tried together once: more than a joined call has by default."""
BUDGET_S = 5.0
"""A method that takes longer to try is never called for several callers at once: so much of a processor's time, and
three times as long by the clock, so that other work on the machine does not decide."""

Ask = Callable[[Any], Any]
_log = logging.getLogger(__name__)


def answers_row_by_row(
    ask: Ask, takes: DataType, returns: DataType, value: Any, answer: Any, *, known: bool = False
) -> bool:
    """Find out whether each row of the answer depends only on the same row of the only argument.

    Args:
        ask: Calls the method with a value of its own.
        takes: The argument's type.
        returns: The answer's type.
        value: The sample.
        answer: What the method answered to it.
        known: Whether the method's framework promises it already: then trying the sample itself is enough.
    """
    count = takes.rows(value)
    if count is None or count < 2 or returns.rows(answer) != count:
        return False
    trial = _Trial(ask, takes, returns)
    try:
        if not all(trial.alone_as_among(value, answer, row) for row in sorted({0, count // 2, count - 1})):
            return False
    except Exception as error:  # the user's code may raise anything; failing on one row is an answer too
        _log.debug("can't call the method with single rows: %s", error)
        return False
    return known or trial.passes(takes.part(value, 0, min(count, ROWS)))


class _Trial:
    """Rows in different combinations."""

    def __init__(self, ask: Ask, takes: DataType, returns: DataType) -> None:
        self._ask = ask
        self._takes = takes
        self._returns = returns

    def passes(self, value: Any) -> bool:
        started, worked = time.monotonic(), time.thread_time()
        changed = changes_of(self._takes.to_wire(value))
        if changed is None:
            _log.info("no other value to try beside a value of the sample: calls are not joined")
            return False
        for rows in self._companies(value, changed):
            if not self._holds(rows):
                return False
            if time.thread_time() - worked > BUDGET_S or time.monotonic() - started > 3 * BUDGET_S:
                _log.info("it takes too long to find out whether the method answers row by row: calls are not joined")
                return False
        return True

    def _companies(self, value: Any, changed: Sequence[Any]) -> Iterator[Any]:
        count = self._takes.rows(value) or 0
        order = list(range(count))
        yield self._taken(value, order[::-1])
        yield self._taken(value, [0, 0, *order, order[-1]])
        yield self._taken(value, order[:2])
        yield self._taken(value, (order * (MANY // count + 1))[:MANY])
        for row in sorted({0, count // 2, count - 1}):
            yield self._taken(value, [row] * 3)
        for other in map(self._takes.from_wire, changed):
            # the unchanged rows, with rows that differ in one thing before and after them
            yield self._takes.join([value, other])
            yield self._takes.join([other, value])
            yield other

    def _taken(self, value: Any, order: list[int]) -> Any:
        return self._takes.join([self._takes.part(value, row, row + 1) for row in order])

    def _holds(self, rows: Any) -> bool:
        """Whether rows get the same answers together as alone.

        Rows that the method can't answer together prove nothing, and are passed over.
        """
        count = self._takes.rows(rows) or 0
        try:
            answer = self._ask(rows)
        except Exception as error:  # joined calls that fail are repeated one by one
            _log.debug("can't call the method with rows together: %s", error)
            return True
        if self._returns.rows(answer) != count:
            return False
        try:
            return all(
                self.alone_as_among(rows, answer, row)
                for row in sorted({0, 1, count // 2, count - 2, count - 1} & set(range(count)))
            )
        except Exception as error:  # it answers rows together that it can't answer alone
            _log.debug("can't call the method with single rows: %s", error)
            return False

    def alone_as_among(self, rows: Any, answer: Any, row: int) -> bool:
        alone = self._ask(self._takes.part(rows, row, row + 1))
        among = self._returns.part(answer, row, row + 1)
        same = equal(self._returns.encode(alone), self._returns.encode(among))
        return same or _rounded_alike(self._returns.to_wire(alone), self._returns.to_wire(among))


def _rounded_alike(one: Any, other: Any) -> bool:
    """Say whether two answers in single precision or less differ by rounding alone.

    A sum of large numbers may be small, and is then as exact as they are: a network is given extreme values here, and
    adds them in another order for one row than for many.
    """
    import numpy as np

    if not all(getattr(getattr(item, "dtype", None), "name", "") in ("float16", "float32") for item in (one, other)):
        return False
    largest = np.abs(other[np.isfinite(other)]).max(initial=0.0)
    return one.shape == other.shape and bool(np.allclose(one, other, 1e-5, 1e-5 * largest, equal_nan=True))
