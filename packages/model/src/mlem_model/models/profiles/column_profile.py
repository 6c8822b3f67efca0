"""`ColumnProfile`: the values that a column of the sample data had, in bins."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from mlem_model.data.types.base import Json
from mlem_model.data.types.plain.numbers import NON_FINITE
from mlem_model.objects.object import Value

BINS = 10
"""So many bins have the numbers of a column, about equally many in each; fewer where many are equal."""
MOST_CATEGORIES = 50
"""A column of more different words is text, of which only missing ones are counted."""
LONGEST_CATEGORY = 100
MISSING, BELOW, ABOVE, UNKNOWN, TEXT = "missing", "below", "above", "unknown", "text"


class ColumnProfile(Value):
    """The values of a column.

    Attributes:
        kind: ``number``, ``category`` (few different words, or true and false) or ``text``.
        edges: The bounds of the bins of numbers, ascending: the smallest number, those between two bins, the largest.
        categories: The words, as JSON.
        shares: The share of values in each bin, or of each category, in that order; of all that are text. Missing
            ones are the rest to 1.
    """

    kind: Literal["number", "category", "text"]
    edges: tuple[float, ...] = Field(default=(), max_length=BINS + 1)
    categories: tuple[str, ...] = Field(default=(), max_length=MOST_CATEGORIES)
    shares: tuple[float, ...] = Field(max_length=MOST_CATEGORIES)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.shares) != len(self._names) or any(not 0 <= share <= 1 for share in self.shares):
            raise ValueError("expected a share from 0 to 1 for each bin")
        if list(self.edges) != sorted(set(self.edges)) or not all(map(math.isfinite, self.edges)):
            raise ValueError("expected ascending edges")
        if any(len(word) > LONGEST_CATEGORY for word in self.categories):
            raise ValueError(f"a category is longer than {LONGEST_CATEGORY} characters")
        return self

    @classmethod
    def of(cls, values: Sequence[Json]) -> ColumnProfile:
        """Describe a column.

        Args:
            values: Its values as JSON, None for a missing one.
        """
        there = [value for value in values if not is_missing(value)]
        total = max(1, len(values))
        if there and all(_is_number(value) for value in there):
            edges = _edges(sorted(number for value in there if math.isfinite(number := _number(value))))
            profile = cls(kind="number", edges=edges, shares=(0.0,) * _bins(edges))
        else:
            words = dict.fromkeys(_word(value) for value in there)
            few = len(words) <= MOST_CATEGORIES and all(len(word) <= LONGEST_CATEGORY for word in words)
            profile = (
                cls(kind="category", categories=tuple(sorted(words)), shares=(0.0,) * len(words))
                if few and there
                else cls(kind="text", shares=(0.0,))
            )
        counts = profile.count(values)
        return profile.model_copy(update={"shares": tuple(counts[name] / total for name in profile._names)})

    @property
    def expected(self) -> dict[str, float]:
        """The share of each bin, by its name, ``missing`` and those that no value of the sample was in among them."""
        beyond = {"number": (BELOW, ABOVE), "category": (UNKNOWN,), "text": ()}[self.kind]
        known = dict(zip(self._names, self.shares, strict=True))
        return {**known, MISSING: round(1.0 - sum(self.shares), 9) or 0.0, **dict.fromkeys(beyond, 0.0)}

    def count(self, values: Iterable[Json]) -> Counter[str]:
        """Count values by the names of their bins.

        Args:
            values: As JSON, None for a missing one.

        Returns:
            The count of each bin that has some: a bin of the sample, ``missing``, ``below`` or ``above`` the sample's
            range, or ``unknown``.
        """
        names = self._names
        return Counter(self._bin(value, names) for value in values)

    def _bin(self, value: Json, names: Sequence[str]) -> str:
        if is_missing(value):
            return MISSING
        if self.kind == "text":
            return TEXT
        if self.kind == "category":
            word = _word(value)
            return word if word in names else UNKNOWN
        if not _is_number(value):
            return UNKNOWN
        number = _number(value)
        if not self.edges or number > self.edges[-1]:
            return ABOVE
        if number < self.edges[0]:
            return BELOW
        return names[max(0, bisect_left(self.edges, number) - 1)]

    @property
    def _names(self) -> tuple[str, ...]:
        if self.kind == "category":
            return self.categories
        if self.kind == "text":
            return (TEXT,)
        shown = _shown(self.edges)
        if len(shown) == 1:
            return (f"[{shown[0]}]",)
        return tuple(f"{'(' if number else '['}{low}, {high}]" for number, (low, high) in enumerate(pairwise(shown)))


def _shown(edges: Sequence[float]) -> list[str]:
    """Write the edges with as few digits as tell them apart, but not fewer than six."""
    for digits in (6, 9, 12):
        shown = [f"{edge:.{digits}g}" for edge in edges]
        if len(set(shown)) == len(shown):
            return shown
    return list(map(repr, edges))


def _bins(edges: Sequence[float]) -> int:
    return min(1, len(edges)) if len(edges) < 2 else len(edges) - 1


def _edges(numbers: Sequence[float]) -> tuple[float, ...]:
    """Return the bounds of bins with about equally many of some sorted numbers."""
    last = len(numbers) - 1
    found = dict.fromkeys(numbers[round(number * last / BINS)] for number in range(BINS + 1)) if numbers else {}
    return tuple(found)


def is_missing(value: Json) -> bool:
    """Whether a value stands for one that is not there."""
    return value is None or value == "NaN" or value != value


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) or value in ("Infinity", "-Infinity")


def _number(value: Any) -> float:
    try:
        return NON_FINITE[value] if isinstance(value, str) else float(value)
    except OverflowError:  # an integer beyond all floats
        return math.inf if value > 0 else -math.inf


def _word(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)
