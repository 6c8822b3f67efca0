"""Invalid input: values that fit a signature, although many models refuse them."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

from mlem_model.errors import DataError

FLOAT32_MAX = 3.4028234663852886e38


def invalid_input(values: Mapping[str, Any]) -> DataError | None:
    """Return a value that fits its argument's signature, although many models refuse it; None when there is none.

    Args:
        values: Values by argument name.
    """
    for name, value in values.items():
        if hasattr(value, "__len__") and len(value) == 0:
            expected, found = "at least one row", "none"
        else:
            expected, found = "finite numbers within the range of 32-bit floats", _extreme(value) or ""
        if found:
            return DataError(name, expected, found)
    return None


def _extreme(value: Any) -> str | None:
    if isinstance(value, int):
        return _describe(False, abs(value) > FLOAT32_MAX)
    if isinstance(value, float):
        return _describe(math.isnan(value), abs(value) > FLOAT32_MAX)
    if isinstance(value, dict):
        return next(filter(None, map(_extreme, value.values())), None)
    if isinstance(value, list | tuple):
        return next(filter(None, map(_extreme, value)), None)
    numpy = sys.modules.get("numpy")
    if numpy is None or not hasattr(value, "__array__"):
        return None
    if type(value).__name__ == "DataFrame":
        return next(filter(None, (_extreme(value[column]) for column in value.columns)), None)
    try:
        array = numpy.asarray(value, dtype="float64")
    except (TypeError, ValueError):  # text, dates: nothing to check
        return None
    return _describe(bool(numpy.isnan(array).any()), bool((numpy.abs(array) > FLOAT32_MAX).any()))


def _describe(has_nan: bool, has_huge: bool) -> str | None:
    words = [
        word for word, found in (("NaN or missing values", has_nan), ("infinite or huge numbers", has_huge)) if found
    ]
    return " and ".join(words) or None
