"""One column of a frame, or a series: its dtype in words, and its values as a JSON list."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from mlem.data_types import scalars
from mlem.data_types.base import Json, child, mismatch
from mlem.data_types.unspecified import UnspecifiedType
from mlem.errors import DataError
from mlem.objects import Value
from mlem.validation import did_you_mean

PathOf = Callable[[int], str]

_NULLABLE = {f"{sign}Int{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)} | {
    "Float32": "float32", "Float64": "float64", "boolean": "bool",
}  # fmt: skip
_DATETIME = re.compile(r"datetime64\[(s|ms|us|ns)(?:, (.+))?\]")


class Categories(Value):
    """The values that a column of dtype ``category`` can have.

    Attributes:
        values: In the order that gives them their codes.
        ordered: Whether that order means smaller to greater.
    """

    values: tuple[str | int | float | bool, ...]
    ordered: bool = False


def _family(dtype: str) -> str | None:
    if dtype in ("str", "string") or dtype.startswith("string["):
        return "str"
    if dtype in _NULLABLE:
        return "nullable"
    if _DATETIME.fullmatch(dtype):
        return "datetime"
    if dtype == "category":
        return "category"
    kind = scalars.kind_of(dtype)
    return kind if kind in ("int", "float", "bool", "object") else None


def describe(series: Any, path: str) -> tuple[str, Categories | None]:
    """Name the dtype of a column; one of objects that are all strings is one of strings.

    Args:
        series: A series of pandas.
        path: Where it is.

    Raises:
        DataError: Values of this dtype can't travel as JSON.
    """
    dtype = str(series.dtype)
    family = _family(dtype)
    if family is None:
        raise DataError(path, "a column of numbers, booleans, strings, times or categories", f"a column of {dtype}")
    if family == "category":
        values = series.cat.categories.tolist()
        if not all(isinstance(value, str | int | float | bool) for value in values):
            raise DataError(path, "categories that are strings, numbers or booleans", f"categories of {series.cat.categories.dtype}")
        return dtype, Categories(values=tuple(values), ordered=bool(series.cat.ordered))
    if family == "object":
        import pandas as pd

        kind = pd.api.types.infer_dtype(series, skipna=True)
        if kind == "string":
            return "str", None
        for row, value in enumerate(series.tolist()):
            UnspecifiedType().encode(value, child(path, row))  # refuse now what would fail at each request
    return dtype, None


def schema(dtype: str, categories: Categories | None) -> dict[str, Any]:
    """Return the JSON Schema of one value."""
    family = _family(dtype)
    if family == "str":
        return {"type": ["string", "null"]}
    if family == "nullable":
        return {"anyOf": [scalars.schema(_NULLABLE[dtype]), {"type": "null"}]}
    if family == "datetime":
        return {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
    if family == "category":
        return {"enum": [*categories.values, None]} if categories else {"type": ["string", "number", "boolean", "null"]}
    return scalars.schema(dtype)


_CONVERTIBLE: dict[str | None, frozenset[str]] = {
    "int": frozenset({"int", "nullable", "object"}),
    "float": frozenset({"int", "float", "nullable", "object"}),
    "bool": frozenset({"bool", "nullable", "object"}),
    "nullable": frozenset({"int", "float", "bool", "nullable", "object"}),
    "str": frozenset({"str", "object"}),
    "datetime": frozenset({"datetime", "str", "object"}),
    "category": frozenset({"int", "float", "bool", "nullable", "str", "category", "object"}),
    "object": frozenset({"int", "float", "bool", "nullable", "str", "datetime", "category", "object"}),
}
"""The families that a column of each family can be made of; values that don't fit are found one by one."""


def encode(series: Any, dtype: str, categories: Categories | None, path_of: PathOf) -> list[Json]:
    """Turn a column into a list.

    Args:
        series: The column.
        dtype: What its dtype has to be, or to convert to without loss.
        categories: For dtype ``category``.
        path_of: Where a row is.

    Raises:
        DataError: The column is of another dtype.
    """
    family, own = _family(dtype), _family(str(series.dtype))
    if own == "category" and family != "category":
        series = series.astype(series.cat.categories.dtype)
        own = _family(str(series.dtype))
    if own not in _CONVERTIBLE.get(family, ()):
        raise DataError(path_of(0), f"a column of {dtype}", f"a column of {series.dtype}")
    if (family == own and family in ("int", "bool")) or (family == "float" and own in ("int", "float")):
        return list(scalars.encode_array(series.to_numpy(), path_of(0)))
    if family == own == "datetime" and _is_zoned(dtype) != _is_zoned(str(series.dtype)):
        raise DataError(path_of(0), f"a column of {dtype}", f"a column of {series.dtype}")
    items: list[Any] = [None if missing else item for item, missing in zip(series.tolist(), series.isna().tolist(), strict=True)]
    if family == "object":
        return [UnspecifiedType().encode(item, path_of(row)) for row, item in enumerate(items)]
    if family == "datetime":
        items = [item.isoformat() if hasattr(item, "isoformat") else item for item in items]
    decoded = decode(items, dtype, categories, path_of)  # finds the values that do not fit
    if family == "nullable":
        return [None if missing else item for item, missing in zip(decoded.tolist(), decoded.isna().tolist(), strict=True)]
    return items if family in ("str", "datetime", "category") else list(scalars.encode_array(decoded, path_of(0)))


def _is_zoned(dtype: str) -> bool:
    found = _DATETIME.fullmatch(dtype)
    return bool(found and found[2])


def check_dtype(dtype: str) -> str:
    """Return a dtype as it is when columns of it can travel.

    Raises:
        ValueError: They can't.
    """
    if _family(dtype) is None:
        raise ValueError(f"expected a dtype of numbers, booleans, strings, times or categories, got {dtype!r}")
    return dtype


def decode(payload: Sequence[Json], dtype: str, categories: Categories | None, path_of: PathOf) -> Any:
    """Turn a list into a column.

    Returns:
        A series, or an array of numpy or pandas of one dimension.

    Raises:
        DataError: A value does not fit.
    """
    import numpy as np
    import pandas as pd

    family = _family(dtype)
    if family == "nullable":
        missing = np.array([item is None for item in payload], dtype=bool)
        base = _NULLABLE[dtype]
        filled = [(False if base == "bool" else 0) if item is None else item for item in payload]
        array = pd.array(scalars.decode_flat(filled, base, path_of), dtype=dtype)
        array[missing] = pd.NA
        return array
    if family == "str":
        _check_strings(payload, path_of)
        numbered = dtype == "str" and int(pd.__version__.partition(".")[0]) < 3  # before pandas 3, str would turn None into "None"
        return pd.Series(list(payload), dtype=object if numbered else dtype)
    if family == "datetime":
        return _decode_times(payload, dtype, path_of)
    if family == "category":
        return _decode_categories(payload, categories, path_of)
    if family is None:
        raise DataError(path_of(0), "a dtype that this version knows", dtype)
    return scalars.decode_flat(payload, dtype, path_of)


def _check_strings(payload: Sequence[Json], path_of: PathOf) -> None:
    if not set(map(type, payload)) <= {str, type(None)}:
        row = next(row for row, item in enumerate(payload) if item is not None and type(item) is not str)
        raise mismatch(path_of(row), "a string or null", payload[row])


def _decode_times(payload: Sequence[Json], dtype: str, path_of: PathOf) -> Any:
    import pandas as pd

    zone = (_DATETIME.fullmatch(dtype) or [None, None, None])[2]
    words = f"a time in ISO 8601{' with its offset from UTC' if zone else ''}"
    times = list(payload)
    if not set(map(type, times)) <= {str, type(None)}:
        row = next(row for row, item in enumerate(times) if item is not None and type(item) is not str)
        raise mismatch(path_of(row), words, payload[row])
    try:
        parsed = pd.Series(pd.to_datetime(times, format="ISO8601", utc=bool(zone)))
        if zone is None and getattr(parsed.dtype, "tz", None) is not None:
            raise DataError(path_of(0), f"{words} without a time zone", "times with a time zone")
        return (parsed.dt.tz_convert(zone) if zone else parsed).astype(dtype)
    except (ValueError, TypeError, OverflowError) as error:
        if len(times) == 1:
            raise DataError(path_of(0), words, "a string that is none") from error
        for row, item in enumerate(times):
            _decode_times([item], dtype, _at(path_of(row)))
        raise DataError(path_of(0), words, "times with and without a time zone") from error


def _at(path: str) -> PathOf:
    return lambda _: path


def _decode_categories(payload: Sequence[Json], categories: Categories | None, path_of: PathOf) -> Any:
    import pandas as pd

    unhashable = next((row for row, item in enumerate(payload) if isinstance(item, list | dict)), None)
    if unhashable is not None:
        raise mismatch(path_of(unhashable), "a category", payload[unhashable])
    if categories is None:  # a file of MLEM 0.4 does not have them
        return pd.Series(list(payload)).astype("category")
    known = {(type(value), value) for value in categories.values} | {
        (float, float(value)) for value in categories.values if type(value) is int
    }
    wrong = next((row for row, item in enumerate(payload) if item is not None and (type(item), item) not in known), None)
    if wrong is not None:
        names = [str(value) for value in categories.values]
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        got = f'"{payload[wrong]}"' if isinstance(payload[wrong], str) else str(payload[wrong])
        raise DataError(path_of(wrong), f"one of the categories {shown}", got, hint=did_you_mean(str(payload[wrong]), names))
    return pd.Categorical(list(payload), categories=list(categories.values), ordered=categories.ordered)
