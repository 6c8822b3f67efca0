"""Histograms and counters whose numbers are gathered first, and handed to the library now and then.

An observation of the library takes several microseconds; a call of a quick model would wait for half a dozen of them.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import Counter as Counts
from typing import Any

from prometheus_client import Counter, Histogram
from prometheus_client.samples import Exemplar


class TalliedHistogram(Histogram):
    """A histogram that gathers observations until `hand_over` is called."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._bounds: list[float] = list(getattr(self, "_upper_bounds", ()))
        self._amounts: list[float] = []
        self._examples: dict[int, Exemplar] = {}

    def add(self, amount: float, trace_id: str = "") -> None:
        """Observe an amount.

        Args:
            amount: The amount.
            trace_id: The trace that it is from, which is kept as an example of its bucket; empty for none.
        """
        self._amounts.append(amount)
        if trace_id:
            self._examples[bisect_left(self._bounds, amount)] = Exemplar({"trace_id": trace_id}, amount, time.time())

    def hand_over(self) -> None:
        """Hand what was gathered to the library."""
        if not self._amounts:
            return
        amounts, self._amounts = self._amounts, []
        self._sum.inc(sum(amounts))
        for bucket, count in Counts(bisect_left(self._bounds, amount) for amount in amounts).items():
            self._buckets[bucket].inc(count)
        for bucket, example in self._examples.items():
            self._buckets[bucket].set_exemplar(example)
        self._examples.clear()


class Tally:
    """A counter's additions, gathered until `hand_over` is called.

    Args:
        counter: The counter.

    Attributes:
        count: What was gathered.
    """

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self.count = 0

    def hand_over(self) -> None:
        """Hand what was gathered to the library."""
        if self.count:
            count, self.count = self.count, 0
            self._counter.inc(count)
