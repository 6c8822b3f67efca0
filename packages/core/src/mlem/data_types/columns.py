"""One column of a frame, or a series: its dtype in words, and its values as a JSON list."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from mlem.data_types import scalars
from mlem.data_types.base import DataType, Json, child, mismatch
from mlem.data_types.items import type_of_items
from mlem.data_types.notes import note
from mlem.data_types.numbers import encode_float
from mlem.data_types.optional import OptionalType
from mlem.data_types.standard import iso_of
from mlem.data_types.unspecified import UnspecifiedType
from mlem.errors import DataError
from mlem.objects import Value
from mlem.validation import did_you_mean

PathOf = Callable[[int], str]

_NULLABLE = {f"{sign}Int{bits}": f"{sign.lower()}int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)} | {
    "Float32": "float32", "Float64": "float64", "boolean": "bool",
}  # fmt: skip
_DATETIME = re.compile(r"datetime64\[(s|ms|us|ns)(?:, (.+))?\]")
_TIMEDELTA = re.compile(r"timedelta64\[(s|ms|us|ns)\]")
_PERIOD = re.compile(r"period\[(.+)\]")
_INTERVAL = re.compile(r"interval\[(.+), (right|left|both|neither)\]")
_ARROW = re.compile(r"arrow\[(.+)\]")
_SUPPORTED = "numbers, booleans, strings, times, durations, periods, intervals, categories or Python objects"


class Categories(Value):
    """The values that a column of dtype ``category`` can have.

    Attributes:
        values: In the order that gives them their codes; encoded where JSON has no such values.
        ordered: Whether that order means smaller to greater.
        dtype: The dtype of the values, where they are not strings, integers, floats or booleans of their own: times, intervals.
    """

    values: tuple[Any, ...]
    ordered: bool = False
    dtype: str | None = None

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key != "dtype" or value is not None}


def name_of_dtype(dtype: Any) -> str:
    """Name a dtype of pandas; those of Arrow are told from pandas' own strings: ``arrow[int64]``."""
    return f"arrow[{dtype.pyarrow_dtype}]" if type(dtype).__name__ == "ArrowDtype" else str(dtype)


def family_of(dtype: str) -> str | None:
    """Name the family of a dtype; None when columns of it can't travel."""
    if dtype in ("str", "string") or dtype.startswith("string["):
        return "str"
    if dtype in _NULLABLE:
        return "nullable"
    for family, pattern in (
        ("datetime", _DATETIME),
        ("timedelta", _TIMEDELTA),
        ("period", _PERIOD),
        ("interval", _INTERVAL),
        ("arrow", _ARROW),
    ):
        if pattern.fullmatch(dtype):
            return family
    if dtype == "category":
        return "category"
    kind = scalars.kind_of(dtype)
    return kind if kind in ("int", "float", "bool", "object") else None


def describe(series: Any, path: str, infer: Callable[[Any], DataType]) -> tuple[str, Categories | None, DataType | None]:
    """Describe the values of a column.

    Args:
        series: A series of pandas.
        path: Where it is.
        infer: Describes one value, of a column of objects.

    Returns:
        The name of its dtype, its categories, and the type of its items where these are Python objects.

    Raises:
        DataError: Values of this dtype can't travel as JSON.
    """
    dtype = name_of_dtype(series.dtype)
    family = family_of(dtype)
    if family is None or (family == "arrow" and _arrow_dtype(dtype) != series.dtype):
        hint = "convert it: column.astype(...)" if "Sparse" not in dtype else "make it dense: column.sparse.to_dense()"
        raise DataError(path, f"a column of {_SUPPORTED}", f"a column of {dtype}", hint=hint)
    if family == "category":
        return dtype, _categories(series.cat, path, infer), None
    if family == "interval":
        check_dtype(dtype)
    if family in ("object", "arrow"):
        return dtype, None, type_of_items(series.tolist(), lambda item: _described(item, path, infer))
    return dtype, None, None


def _described(item: Any, path: str, infer: Callable[[Any], DataType]) -> DataType:
    try:
        return infer(item)
    except DataError as error:
        hint = "keep values of one known kind in the column, or convert it: column.astype(str)"
        raise DataError(path, error.expected, error.got, hint=hint) from error


def _categories(accessor: Any, path: str, infer: Callable[[Any], DataType]) -> Categories:
    import pandas as pd

    index = accessor.categories
    values = index.tolist()
    if all(type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value)) for value in values):
        plain = str(index.dtype) in ("object", "str", "int64", "float64", "bool")
        return Categories(values=tuple(values), ordered=bool(accessor.ordered), dtype=None if plain or not values else str(index.dtype))
    dtype, _, items = describe(pd.Series(index), path, infer)
    if items is not None:
        raise DataError(path, "categories of one kind: strings, numbers, times or intervals", f"categories of {index.dtype}")
    encoded = encode(pd.Series(index), dtype, None, None, lambda row: child(path, row))
    return Categories(values=tuple(encoded), ordered=bool(accessor.ordered), dtype=dtype)


def schema(dtype: str, categories: Categories | None, items: DataType | None = None) -> dict[str, Any]:
    """Return the JSON Schema of one value."""
    family = family_of(dtype)
    if family == "str":
        return {"type": ["string", "null"]}
    if family == "nullable":
        return {"anyOf": [scalars.schema(_NULLABLE[dtype]), {"type": "null"}]}
    if family == "datetime":
        return {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
    if family in ("timedelta", "period"):
        return {"type": ["string", "null"]}
    if family == "interval":
        side = schema(_INTERVAL.fullmatch(dtype)[1], None)  # type: ignore[index]  # family_of has looked
        sides = {
            "type": "object",
            "properties": {"left": side, "right": side},
            "required": ["left", "right"],
            "additionalProperties": False,
        }
        return {"anyOf": [sides, {"type": "null"}]}
    if family == "category":
        return _schema_of_categories(categories)
    return items.json_schema() if items is not None else scalars.schema(dtype)


def _schema_of_categories(categories: Categories | None) -> dict[str, Any]:
    if categories is None or not categories.values:
        return {"type": ["string", "number", "boolean", "null"]}
    if _needs_decoding(categories):
        return {"anyOf": [schema(str(categories.dtype), None), {"type": "null"}]}
    kinds = {_JSON_KINDS[type(value)] for value in categories.values}
    return {"type": [*sorted(kinds), "null"], "examples": list(categories.values[:20])}


_JSON_KINDS: dict[type, str] = {str: "string", int: "number", float: "number", bool: "boolean"}


def _needs_decoding(categories: Categories) -> bool:
    """Whether the values are encoded: times, intervals, and floats that JSON has no literal for."""
    return categories.dtype is not None and (
        family_of(categories.dtype) in ("datetime", "timedelta", "period", "interval")
        or (family_of(categories.dtype) == "float" and any(isinstance(value, str) for value in categories.values))
    )


_ANY = frozenset({"int", "float", "bool", "nullable", "str", "datetime", "timedelta", "period", "interval", "category", "object", "arrow"})
_CONVERTIBLE: dict[str | None, frozenset[str]] = {
    "int": frozenset({"int", "float", "nullable", "object", "arrow"}),
    "float": frozenset({"int", "float", "nullable", "object", "arrow"}),
    "bool": frozenset({"bool", "nullable", "object", "arrow"}),
    "nullable": frozenset({"int", "float", "bool", "nullable", "object", "arrow"}),
    "str": frozenset({"str", "object", "arrow"}),
    "datetime": frozenset({"datetime", "str", "object", "arrow"}),
    "timedelta": frozenset({"timedelta", "str", "object", "arrow"}),
    "period": frozenset({"period", "str", "object"}),
    "interval": frozenset({"interval", "object"}),
    "category": _ANY,
    "object": _ANY,
    "arrow": _ANY,
}
"""The families that a column of each family can be made of; values that don't fit are found one by one."""


def encode(series: Any, dtype: str, categories: Categories | None, items: DataType | None, path_of: PathOf) -> list[Json]:
    """Turn a column into a list.

    Args:
        series: The column.
        dtype: What its dtype has to be, or to convert to without loss.
        categories: For dtype ``category``.
        items: For columns of Python objects.
        path_of: Where a row is.

    Raises:
        DataError: The column is of another dtype.
    """
    family, own = family_of(dtype), family_of(name_of_dtype(series.dtype))
    if own == "category" and family != "category":
        series = series.astype(series.cat.categories.dtype)
        own = family_of(name_of_dtype(series.dtype))
    if own not in _CONVERTIBLE.get(family, ()):
        raise DataError(path_of(0), f"a column of {dtype}", f"a column of {series.dtype}")
    if (family == own and family in ("int", "bool")) or (family == "float" and own in ("int", "float")):
        return list(scalars.encode_array(series.to_numpy(), path_of(0)))
    if family == own == "datetime" and _is_zoned(dtype) != _is_zoned(str(series.dtype)):
        raise DataError(path_of(0), f"a column of {dtype}", f"a column of {series.dtype}")
    if family in ("object", "arrow"):
        kind = items or UnspecifiedType()
        return [kind.encode(item, path_of(row)) for row, item in enumerate(_items_of(series, own, kind))]
    found = _without_missing(series)
    if family == "category":
        return _encode_categories(found, categories, path_of)
    if family in ("datetime", "timedelta"):
        found = [iso_of(item) if hasattr(item, "isoformat") else item for item in found]
    elif family == "period":
        found = [item if item is None else str(item) for item in found]
    elif family == "interval":
        return _encode_intervals(series, own, dtype, path_of)
    decoded = decode(found, dtype, categories, items, path_of)  # finds the values that do not fit
    if family == "nullable":
        return [None if missing else _plain(item) for item, missing in zip(decoded.tolist(), decoded.isna().tolist(), strict=True)]
    return found if family in ("str", "datetime", "timedelta", "period") else list(scalars.encode_array(decoded, path_of(0)))


def _plain(item: Any) -> Json:
    return encode_float(item) if isinstance(item, float) else item


def _without_missing(series: Any) -> list[Any]:
    """Return the values of a column, None for each that is missing."""
    return [None if missing else item for item, missing in zip(series.tolist(), series.isna().tolist(), strict=True)]


def _items_of(series: Any, own: str | None, kind: DataType) -> list[Any]:
    """Return the values of a column as items of objects: a missing value of an own kind is None, unless objects tell it apart."""
    if own in ("object", "float") or isinstance(kind, OptionalType):
        return list(series.tolist())
    return _without_missing(series)


def _encode_categories(found: list[Any], categories: Categories | None, path_of: PathOf) -> list[Json]:
    import pandas as pd

    if categories is not None and _needs_decoding(categories):
        there = pd.Series([item for item in found if item is not None])
        encoded = iter(encode(there.infer_objects(), str(categories.dtype), None, None, path_of) if len(there) else [])
        return [None if item is None else next(encoded) for item in found]
    if categories is not None and categories.values and all(type(value) is int for value in categories.values):
        found = [int(item) if type(item) is float and item.is_integer() else item for item in found]
    _decode_categories(found, categories, path_of)
    return found


def _encode_intervals(series: Any, own: str | None, dtype: str, path_of: PathOf) -> list[Json]:
    import pandas as pd

    parsed = _INTERVAL.fullmatch(dtype)
    if parsed is None:
        raise AssertionError("family_of has looked")
    values = [item if hasattr(item, "left") else None for item in series.tolist()]
    wrong = next((row for row, item in enumerate(values) if item is not None and item.closed != parsed[2]), None)
    if wrong is not None:
        raise DataError(path_of(wrong), f"an interval that is closed: {parsed[2]}", f"one that is closed: {values[wrong].closed}")
    missing = [item is None for item in values]
    there = [item for item in values if item is not None]
    sides = [
        encode(pd.Series([getattr(item, side) for item in there]), parsed[1], None, None, path_of) if there else []
        for side in ("left", "right")
    ]
    encoded = iter(zip(*sides, strict=True))
    return [None if gone else dict(zip(("left", "right"), next(encoded), strict=True)) for gone in missing]


def _is_zoned(dtype: str) -> bool:
    found = _DATETIME.fullmatch(dtype)
    return bool(found and found[2])


def check_dtype(dtype: str) -> str:
    """Return a dtype as it is when columns of it can travel.

    Raises:
        ValueError: They can't.
    """
    family = family_of(dtype)
    interval = _INTERVAL.fullmatch(dtype)
    if family is None or (interval and family_of(interval[1]) not in ("int", "float", "datetime", "timedelta")):
        raise ValueError(f"expected a dtype of {_SUPPORTED}, got {dtype!r}")
    return dtype


def decode(payload: Sequence[Json], dtype: str, categories: Categories | None, items: DataType | None, path_of: PathOf) -> Any:
    """Turn a list into a column.

    Returns:
        A series, or an array of numpy or pandas of one dimension.

    Raises:
        DataError: A value does not fit.
    """
    import numpy as np
    import pandas as pd

    family = family_of(dtype)
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
    if family in ("timedelta", "period"):
        return _decode_texts(payload, dtype, path_of)
    if family == "interval":
        return _decode_intervals(payload, dtype, path_of)
    if family == "category":
        return _decode_categories(payload, categories, path_of)
    if family is None:
        raise DataError(path_of(0), "a dtype that this version knows", dtype)
    if items is not None and family in ("object", "arrow"):
        return _decode_items(payload, dtype, items, path_of)
    found = scalars.decode_flat(payload, dtype, path_of)
    return pd.Series(found, dtype=object) if family == "object" else found  # else pandas 3 would make strings of texts


def _decode_items(payload: Sequence[Json], dtype: str, items: DataType, path_of: PathOf) -> Any:
    import numpy as np
    import pandas as pd

    array = np.empty(len(payload), dtype=object)
    for row, item in enumerate(payload):
        array[row] = items.decode(item, path_of(row))
    if family_of(dtype) == "object":
        return pd.Series(array, dtype=object)
    try:
        return pd.array(array.tolist(), dtype=_arrow_dtype(dtype))
    except (ValueError, TypeError, ImportError) as error:
        raise DataError(path_of(0), f"values of {dtype}", " ".join(str(error).split())[:200]) from error


def _arrow_dtype(dtype: str) -> Any:
    """Return the dtype of Arrow that a name has; None where pandas can't make it of its name."""
    import pandas as pd

    found = _ARROW.fullmatch(dtype)
    try:
        import pyarrow as pa

        if found and found[1] in ("string", "large_string"):  # by this name, pandas makes strings of its own
            return pd.ArrowDtype(getattr(pa, found[1])())
        return pd.ArrowDtype.construct_from_string(f"{found[1]}[pyarrow]") if found else None
    except (TypeError, ValueError, NotImplementedError, ImportError):
        return None


def _decode_texts(payload: Sequence[Json], dtype: str, path_of: PathOf) -> Any:
    """Decode durations and periods."""
    import pandas as pd

    freq = _PERIOD.fullmatch(dtype)
    words = f"a period of frequency {freq[1]}" if freq else "a duration in ISO 8601"
    found = []
    for row, item in enumerate(payload):
        if item is not None and type(item) is not str:
            raise mismatch(path_of(row), words, item)
        try:
            found.append(pd.NaT if item is None else pd.Period(item, freq=freq[1]) if freq else pd.Timedelta(item))
        except (ValueError, TypeError, OverflowError) as error:
            raise DataError(path_of(row), words, "a string that is none") from error
    return pd.Series(pd.array(found, dtype=dtype)) if freq else pd.Series(pd.to_timedelta(found)).astype(dtype)


def _decode_intervals(payload: Sequence[Json], dtype: str, path_of: PathOf) -> Any:
    import numpy as np
    import pandas as pd

    parsed = _INTERVAL.fullmatch(dtype)
    if parsed is None:
        raise AssertionError("family_of has looked")
    for row, item in enumerate(payload):
        if item is not None and (not isinstance(item, dict) or item.keys() != {"left", "right"}):
            raise mismatch(path_of(row), 'an interval, {"left": ..., "right": ...}, or null', item)
    there = [(row, item) for row, item in enumerate(payload) if item is not None]
    sides = [
        decode([item[side] for _, item in there], parsed[1], None, None, lambda at, side=side: child(path_of(there[at][0]), side))  # type: ignore[misc]
        for side in ("left", "right")
    ]
    try:
        made = pd.arrays.IntervalArray.from_arrays(*sides, closed=parsed[2])
    except ValueError as error:
        raise DataError(path_of(0), "intervals whose left side is not after their right side", "others") from error
    if len(there) == len(payload):
        return pd.Series(made)
    taken = np.full(len(payload), -1)
    taken[[row for row, _ in there]] = np.arange(len(there))
    return pd.Series(made.take(taken, allow_fill=True))


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
    """Decode a column of categories; one that was never seen is one more, as it would be in a frame of the caller's."""
    import pandas as pd

    unhashable = next((row for row, item in enumerate(payload) if isinstance(item, list | dict)), None)
    if categories is not None and _needs_decoding(categories):
        known = pd.Index(decode(categories.values, str(categories.dtype), None, None, path_of))
        there = [item for item in payload if item is not None]
        found = iter(decode(there, str(categories.dtype), None, None, path_of).tolist() if there else [])
        values = [None if item is None else next(found) for item in payload]
        return pd.Categorical(values, categories=_with_new(known, values), ordered=categories.ordered)
    if unhashable is not None:
        raise mismatch(path_of(unhashable), "a category", payload[unhashable])
    if categories is None or not categories.values:  # a file of MLEM 0.4 does not have them
        return pd.Series(list(payload), dtype=None if payload else "str").astype("category")
    known_values = {(type(value), value) for value in categories.values} | {
        (float, float(value)) for value in categories.values if type(value) is int
    }
    kinds = {type(value) for value in categories.values}
    new = [(row, item) for row, item in enumerate(payload) if item is not None and (type(item), item) not in known_values]
    for row, item in new:
        names = [str(value) for value in categories.values]
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        got = f'"{item}"' if isinstance(item, str) else str(item)
        error = DataError(path_of(row), f"one of the categories {shown}", got, hint=did_you_mean(str(item), names))
        if type(item) not in kinds:
            raise error
        note(f"{path_of(row)}: {got[:60]} is not one of the categories that the model was saved with", error)
    index = pd.Index(list(categories.values), dtype=categories.dtype) if categories.dtype else list(categories.values)
    return pd.Categorical(list(payload), categories=_with_new(index, list(payload)), ordered=categories.ordered)


def _with_new(known: Any, values: list[Any]) -> Any:
    """Return categories with those behind them that are among the values alone."""
    import pandas as pd

    have = set(known)
    new = [value for value in dict.fromkeys(values) if value is not None and value not in have]
    if not new:
        return known
    return known.append(pd.Index(new)) if hasattr(known, "append") and not isinstance(known, list) else [*known, *new]
