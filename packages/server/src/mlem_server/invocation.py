"""One invocation: the model's method is called with decoded values, and its return value is encoded."""

from __future__ import annotations

import math
import sys
from typing import Any

from mlem_server.calls import Call
from mlem_server.errors import HttpError, ModelFailedError

FLOAT32_MAX = 3.4028234663852886e38


def answer(model: Any, call: Call) -> Any:
    """Call a method of the model.

    Args:
        model: The loaded object.
        call: The method and its decoded arguments.

    Returns:
        The return value, encoded as its data type says.

    Raises:
        ModelFailedError: The model raised, or returned what its signature does not have.
        HttpError: 422 when it raised a ValueError on what many models can't take: no rows, NaN, infinities, beyond 32-bit floats.
    """
    try:
        return call.method.returns.encode(call.method.call(model, call.args))
    except Exception as error:
        if isinstance(error, ValueError):
            refuse_unusual_data(call)
        raise ModelFailedError(call.name) from error


def refuse_unusual_data(call: Call) -> None:
    """Put a failed call on the caller's account, when an argument fits the signature but has what many models refuse.

    Raises:
        HttpError: 422 for such an argument.
    """
    for name, value in call.args.items():
        if hasattr(value, "__len__") and len(value) == 0:
            expected, found = "at least one row", "none"
        else:
            expected, found = "finite numbers within the range of 32-bit floats", _extreme(value) or ""
        if found:
            message = f"{name}: the model refused the data: expected {expected}, got {found}"
            raise HttpError(422, "bad-data", message, details={"path": name, "expected": expected, "got": found})


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
    except (TypeError, ValueError):  # text, dates: nothing to look at
        return None
    return _describe(bool(numpy.isnan(array).any()), bool((numpy.abs(array) > FLOAT32_MAX).any()))


def _describe(has_nan: bool, has_huge: bool) -> str | None:
    words = [word for word, found in (("NaN or missing values", has_nan), ("infinite or huge numbers", has_huge)) if found]
    return " and ".join(words) or None
