"""Numbers as JSON: how floats are written that JSON has no literal for, and which payloads each number accepts.

A float that is not finite travels as the string ``NaN``, ``Infinity`` or ``-Infinity``, as in protobuf's JSON mapping.
Source: https://protobuf.dev/programming-guides/json/, section "Representation of each type", row "float, double".
"""

from __future__ import annotations

import math
from typing import Any

from mlem_model.data.types.base import Json, mismatch
from mlem_model.errors import DataError

NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

FLOAT_SCHEMA: dict[str, Any] = {"anyOf": [{"type": "number"}, {"enum": [*NON_FINITE, None]}]}


def encode_float(value: float) -> Json:
    """Write a float; one that is not finite as a string."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def decode_float(payload: Json, path: str, expected: str = "a number") -> float:
    """Read a float from a number, the name of one that is not finite, or null (not a number).

    Raises:
        DataError: It is something else; true and false are not numbers.
    """
    kind = type(payload)
    if kind is float:
        return float(payload)
    if kind is int:
        try:
            return float(payload)
        except OverflowError as error:
            raise DataError(path, expected, "an integer beyond the range of floats") from error
    if payload is None:
        return math.nan
    if kind is str and payload in NON_FINITE:
        return NON_FINITE[payload]
    raise mismatch(path, expected, payload)


def decode_int(
    payload: Json, path: str, expected: str = "an integer", low: int | None = None, high: int | None = None
) -> int:
    """Read an integer; ``5.0`` is one too, as in JSON Schema.

    Raises:
        DataError: It is something else, or not from ``low`` to ``high``.
    """
    if type(payload) is int or (type(payload) is float and payload.is_integer()):
        value = int(payload)
        if (low is not None and value < low) or (high is not None and value > high):
            raise DataError(path, f"{expected} from {low} to {high}", "an integer out of range")
        return value
    raise mismatch(path, expected, payload)
