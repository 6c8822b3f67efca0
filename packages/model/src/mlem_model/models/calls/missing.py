"""Where the numbers of a sample are missing."""

from __future__ import annotations

from typing import Any

from mlem_model.data.types.base import module_of


def missing_numbers(value: Any) -> tuple[str, ...]:
    """Return the columns of a frame that have floats which are not a number; an empty name where others have some.

    Args:
        value: A frame or a series of pandas, or an array of numpy; anything else has none.
    """
    if module_of(value) not in ("pandas", "numpy"):
        return ()
    if hasattr(value, "columns"):
        return tuple(str(label) for at, label in enumerate(value.columns) if _has_some(value.iloc[:, at]))
    return ("",) if _has_some(value) else ()


def _has_some(values: Any) -> bool:
    return getattr(getattr(values, "dtype", None), "kind", "") == "f" and bool((values != values).any())
