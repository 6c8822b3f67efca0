"""The index of a frame or a series: its levels as columns, and back."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

Label = str | int | float | tuple[str | int | float | None, ...]


def is_default(index: Any) -> bool:
    """Whether an index only counts the rows, so that it is not data."""
    if len(index.names) > 1 or index.names[0] is not None:
        return False
    return len(index) == 0 or (type(index).__name__ == "RangeIndex" and index.start == 0 and index.step == 1)


def labels_of(index: Any, taken: Collection[Any]) -> list[Any]:
    """Return a label for each level of an index: its name, or a new one that no column has."""
    labels: list[Any] = []
    for level, name in enumerate(index.names):
        label = name if name is not None else ("index" if index.nlevels == 1 else f"level_{level}")
        while label in taken or label in labels:
            label = f"{label}_index"
        labels.append(label)
    return labels


def levels_of(index: Any) -> list[Any]:
    """Return the levels of an index as series."""
    import pandas as pd

    return [pd.Series(index.get_level_values(level)).reset_index(drop=True) for level in range(index.nlevels)]


def make_index(levels: Sequence[Any], names: Sequence[Any], freq: str | None = None) -> Any:
    """Make an index.

    Args:
        levels: Its levels, as series.
        names: Their names.
        freq: The frequency of times that follow each other at one distance.
    """
    import pandas as pd

    if len(levels) > 1:
        return pd.MultiIndex.from_arrays(list(levels), names=list(names))
    index = pd.Index(levels[0], dtype=levels[0].dtype, name=names[0])
    if freq and hasattr(index, "freq"):
        try:
            index.freq = freq
        except ValueError:  # other rows need not follow each other like those of the sample
            index.freq = None
    return index


def freq_of(index: Any) -> str | None:
    """Return the frequency of an index of times; None where it has no frequency."""
    found = getattr(index, "freqstr", None) if type(index).__name__ in ("DatetimeIndex", "TimedeltaIndex") else None
    return found if isinstance(found, str) else None


def hand_on_index(value: Any, answer: Any) -> Any:
    """Give an answer the index of the input, where both are pandas objects of one length and the answer has none."""
    tables = ("DataFrame", "Series")
    if (
        type(value).__name__ not in tables
        or type(answer).__name__ not in tables
        or len(value) != len(answer)
        or is_default(value.index)
    ):
        return answer
    if is_default(answer.index):
        answer.index = value.index
    return answer
