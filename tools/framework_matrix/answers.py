"""Whether two answers are the same: an array, a tensor, a frame, numbers, texts, or containers of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TOLERANCE = 1e-5
"""Relative to the larger of 1 and the number: single precision has 7 digits, of which adding in another order costs
one or two."""
EXACT, CLOSE = "exact", "close"


class DifferentError(Exception):
    """An answer is another one."""


def agreement(expected: Any, got: Any) -> str:
    """Return how well two answers agree: `EXACT`, or `CLOSE` where floats differ by no more than `TOLERANCE`.

    Raises:
        DifferentError: They do not agree.
    """
    if hasattr(expected, "columns") and hasattr(got, "columns"):
        return agreement(_columns(expected), _columns(got))
    if isinstance(expected, list) and isinstance(got, list) and any(isinstance(one, Mapping) for one in expected):
        return agreement(dict(enumerate(expected)), dict(enumerate(got)))
    if isinstance(expected, Mapping):
        if not isinstance(got, Mapping) or expected.keys() != got.keys():
            raise DifferentError(f"expected {list(expected)!s:.100}, got {got!s:.100}")
        return _worst(agreement(expected[name], got[name]) for name in expected)
    import numpy as np

    one, other = _plain(expected), _plain(got)
    if one.shape != other.shape:
        raise DifferentError(f"expected shape {one.shape}, got {other.shape}")
    if np.array_equal(one, other):
        return EXACT
    if one.dtype.kind != "f" or other.dtype.kind not in "fi":
        raise DifferentError(f"expected {one.ravel()[:3]}, got {other.ravel()[:3]}")
    off = np.abs(one - other) / np.maximum(1, np.abs(one))
    if not off.max() <= TOLERANCE:
        raise DifferentError(f"differs by {off.max():.1e}")
    return CLOSE


def _columns(frame: Any) -> dict[str, Any]:
    return {str(name): frame[name].to_numpy() for name in frame.columns}


def _worst(found: Any) -> str:
    return CLOSE if CLOSE in set(found) else EXACT


def _plain(value: Any) -> Any:
    import numpy as np

    return np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
