"""One column of a frame, or a series: its dtype in words, and its values as a JSON list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mlem_model.data.types.base import DataType, Json, mismatch
from mlem_model.data.types.plain import scalars
from mlem_model.data.types.plain.items import type_of_items
from mlem_model.data.types.plain.numbers import encode_float
from mlem_model.data.types.plain.optional import OptionalType
from mlem_model.data.types.plain.primitive import PrimitiveType
from mlem_model.data.types.plain.standard import iso_of
from mlem_model.data.types.plain.unspecified import UnspecifiedType
from mlem_model.data.types.tables.categories import (
    Categories,
    decode_categories,
    describe_categories,
    encode_categories,
    schema_of_categories,
)
from mlem_model.data.types.tables.dtypes import (
    INTERVAL,
    NULLABLE,
    SUPPORTED,
    PathOf,
    arrow_dtype,
    check_dtype,
    family_of,
    is_zoned,
    name_of_dtype,
)
from mlem_model.data.types.tables.intervals import decode_intervals, encode_intervals
from mlem_model.data.types.tables.times import decode_texts, decode_times
from mlem_model.errors import DataError

__all__ = ["Categories", "check_dtype", "decode", "describe", "encode", "family_of", "name_of_dtype", "schema"]

_TEXT = PrimitiveType(ptype="str")


def describe(
    series: Any, path: str, infer: Callable[[Any], DataType]
) -> tuple[str, Categories | None, DataType | None]:
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
    if family is None or (family == "arrow" and arrow_dtype(dtype) != series.dtype):
        hint = "convert it: column.astype(...)" if "Sparse" not in dtype else "make it dense: column.sparse.to_dense()"
        raise DataError(path, f"a column of {SUPPORTED}", f"a column of {dtype}", hint=hint)
    if family == "category":
        return dtype, describe_categories(series.cat, path, _encode_plain), None
    if family == "interval":
        check_dtype(dtype)
    if family in ("object", "arrow"):
        items = type_of_items(series.tolist(), lambda item: _described(item, path, infer))
        # a column of texts may have missing ones another time, as one of pandas' own dtype for texts may
        return dtype, None, OptionalType(dtype=items) if family == "object" and items == _TEXT else items
    return dtype, None, None


def _described(item: Any, path: str, infer: Callable[[Any], DataType]) -> DataType:
    try:
        return infer(item)
    except DataError as error:
        hint = "keep values of one known kind in the column, or convert it: column.astype(str)"
        raise DataError(path, error.expected, error.got, hint=hint) from error


def schema(dtype: str, categories: Categories | None, items: DataType | None = None) -> dict[str, Any]:
    """Return the JSON Schema of one value."""
    family = family_of(dtype)
    if family == "str":
        return {"type": ["string", "null"]}
    if family == "nullable":
        return {"anyOf": [scalars.schema(NULLABLE[dtype]), {"type": "null"}]}
    if family == "datetime":
        return {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
    if family in ("timedelta", "period"):
        return {"type": ["string", "null"]}
    if family == "interval":
        side = schema(INTERVAL.fullmatch(dtype)[1], None)  # type: ignore[index]  # family_of has looked
        sides = {
            "type": "object",
            "properties": {"left": side, "right": side},
            "required": ["left", "right"],
            "additionalProperties": False,
        }
        return {"anyOf": [sides, {"type": "null"}]}
    if family == "category":
        return schema_of_categories(categories, schema)
    return items.json_schema() if items is not None else scalars.schema(dtype)


_ANY = frozenset(
    {
        "int",
        "float",
        "bool",
        "nullable",
        "str",
        "datetime",
        "timedelta",
        "period",
        "interval",
        "category",
        "object",
        "arrow",
    }
)
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


def encode(
    series: Any, dtype: str, categories: Categories | None, items: DataType | None, path_of: PathOf
) -> list[Json]:
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
    if family == own == "datetime" and is_zoned(dtype) != is_zoned(str(series.dtype)):
        raise DataError(path_of(0), f"a column of {dtype}", f"a column of {series.dtype}")
    if family in ("object", "arrow"):
        kind = items or UnspecifiedType()
        return [kind.encode(item, path_of(row)) for row, item in enumerate(_items_of(series, own, kind))]
    found = _without_missing(series)
    if family == "category":
        return encode_categories(found, categories, path_of, (_encode_plain, _decode_plain))
    if family in ("datetime", "timedelta"):
        found = [iso_of(item) if hasattr(item, "isoformat") else item for item in found]
    elif family == "period":
        found = [item if item is None else str(item) for item in found]
    elif family == "interval":
        return encode_intervals(series, dtype, path_of, _encode_plain)
    decoded = decode(found, dtype, categories, items, path_of)  # finds the values that do not fit
    if family == "nullable":
        return [
            None if missing else _plain(item)
            for item, missing in zip(decoded.tolist(), decoded.isna().tolist(), strict=True)
        ]
    return (
        found
        if family in ("str", "datetime", "timedelta", "period")
        else list(scalars.encode_array(decoded, path_of(0)))
    )


def _plain(item: Any) -> Json:
    return encode_float(item) if isinstance(item, float) else item


def _without_missing(series: Any) -> list[Any]:
    """Return the values of a column, None for each that is missing."""
    return [None if missing else item for item, missing in zip(series.tolist(), series.isna().tolist(), strict=True)]


def _items_of(series: Any, own: str | None, kind: DataType) -> list[Any]:
    """Return the values of a column as items of objects.

    A missing value of an own kind is None, unless objects tell it apart.
    """
    if own in ("object", "float") or isinstance(kind, OptionalType):
        return list(series.tolist())
    return _without_missing(series)


def decode(
    payload: Sequence[Json], dtype: str, categories: Categories | None, items: DataType | None, path_of: PathOf
) -> Any:
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
        base = NULLABLE[dtype]
        filled = [(False if base == "bool" else 0) if item is None else item for item in payload]
        array = pd.array(scalars.decode_flat(filled, base, path_of), dtype=dtype)
        array[missing] = pd.NA
        return array
    if family == "str":
        _check_strings(payload, path_of)
        numbered = (
            dtype == "str" and int(pd.__version__.partition(".")[0]) < 3
        )  # before pandas 3, str would turn None into "None"
        return pd.Series(list(payload), dtype=object if numbered else dtype)
    if family == "datetime":
        return decode_times(payload, dtype, path_of)
    if family in ("timedelta", "period"):
        return decode_texts(payload, dtype, path_of)
    if family == "interval":
        return decode_intervals(payload, dtype, path_of, _decode_plain)
    if family == "category":
        return decode_categories(payload, categories, path_of, _decode_plain)
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
        return pd.array(array.tolist(), dtype=arrow_dtype(dtype))
    except (ValueError, TypeError, ImportError) as error:
        raise DataError(path_of(0), f"values of {dtype}", " ".join(str(error).split())[:200]) from error


def _encode_plain(series: Any, dtype: str, path_of: PathOf) -> list[Json]:
    return encode(series, dtype, None, None, path_of)


def _decode_plain(payload: Sequence[Json], dtype: str, path_of: PathOf) -> Any:
    return decode(payload, dtype, None, None, path_of)


def _check_strings(payload: Sequence[Json], path_of: PathOf) -> None:
    if not set(map(type, payload)) <= {str, type(None)}:
        row = next(row for row, item in enumerate(payload) if item is not None and type(item) is not str)
        raise mismatch(path_of(row), "a string or null", payload[row])
