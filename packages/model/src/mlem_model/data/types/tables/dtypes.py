"""Dtypes of pandas: their names in files, and the families of those that are treated alike."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

from mlem_model.data.types.plain import scalars

PathOf = Callable[[int], str]
"""Says where a row of a column is."""
Convert = Callable[[Any, str, PathOf], Any]
"""Encodes or decodes a column of a dtype that has nothing but its name."""
NULLABLE = {f"{sign}Int{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)} | {
    "Float32": "float32", "Float64": "float64", "boolean": "bool",
}  # fmt: skip
DATETIME = re.compile(r"datetime64\[(s|ms|us|ns)(?:, (.+))?\]")
TIMEDELTA = re.compile(r"timedelta64\[(s|ms|us|ns)\]")
PERIOD = re.compile(r"period\[(.+)\]")
INTERVAL = re.compile(r"interval\[(.+), (right|left|both|neither)\]")
ARROW = re.compile(r"arrow\[(.+)\]")
SUPPORTED = "numbers, booleans, strings, times, durations, periods, intervals, categories or Python objects"


def name_of_dtype(dtype: Any) -> str:
    """Name a dtype of pandas; those of Arrow are told from pandas' own strings: ``arrow[int64]``."""
    return f"arrow[{dtype.pyarrow_dtype}]" if type(dtype).__name__ == "ArrowDtype" else str(dtype)


@functools.lru_cache(maxsize=1000)
def family_of(dtype: str) -> str | None:
    """Name the family of a dtype; None when columns of it can't travel."""
    if dtype in ("str", "string") or dtype.startswith("string["):
        return "str"
    if dtype in NULLABLE:
        return "nullable"
    for family, pattern in (
        ("datetime", DATETIME),
        ("timedelta", TIMEDELTA),
        ("period", PERIOD),
        ("interval", INTERVAL),
        ("arrow", ARROW),
    ):
        if pattern.fullmatch(dtype):
            return family
    if dtype == "category":
        return "category"
    kind = scalars.kind_of(dtype)
    return kind if kind in ("int", "float", "bool", "object") else None


def check_dtype(dtype: str) -> str:
    """Return a dtype as it is when columns of it can travel.

    Raises:
        ValueError: They can't.
    """
    family = family_of(dtype)
    interval = INTERVAL.fullmatch(dtype)
    if family is None or (interval and family_of(interval[1]) not in ("int", "float", "datetime", "timedelta")):
        raise ValueError(f"expected a dtype of {SUPPORTED}, got {dtype!r}")
    return dtype


def is_zoned(dtype: str) -> bool:
    """Whether a dtype of times has a zone."""
    found = DATETIME.fullmatch(dtype)
    return bool(found and found[2])


def arrow_dtype(dtype: str) -> Any:
    """Return the dtype of Arrow that a name has; None where pandas can't make it of its name."""
    import pandas as pd

    found = ARROW.fullmatch(dtype)
    try:
        import pyarrow as pa

        if found and found[1] in ("string", "large_string"):  # by this name, pandas makes strings of its own
            return pd.ArrowDtype(getattr(pa, found[1])())
        return pd.ArrowDtype.construct_from_string(f"{found[1]}[pyarrow]") if found else None
    except (TypeError, ValueError, NotImplementedError, ImportError):
        return None
