"""Columns of categories: the values that they can have, and values that were never seen."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from mlem_model.data.types.base import Json, child, mismatch
from mlem_model.data.types.notes import note
from mlem_model.data.types.tables.dtypes import Convert, PathOf, family_of, name_of_dtype
from mlem_model.errors import DataError
from mlem_model.objects.object import Value
from mlem_model.objects.validation import did_you_mean


class Categories(Value):
    """The values that a column of dtype ``category`` can have.

    Attributes:
        values: In the order that gives them their codes; encoded where JSON has no such values.
        ordered: Whether that order means smaller to greater.
        dtype: The dtype of the values, where they are not strings, integers, floats or booleans of their own: times,
            intervals.
    """

    values: tuple[Any, ...]
    ordered: bool = False
    dtype: str | None = None

    @cached_property
    def codes(self) -> dict[Any, int]:
        """The place of each value, and -1 for a missing one."""
        return {value: code for code, value in enumerate(self.values)} | {None: -1}

    @cached_property
    def kind(self) -> type | None:
        """The class of the values, where they are those of JSON and all of one class."""
        return type(self.values[0]) if _are_plain(self) else None

    @cached_property
    def made(self) -> Any:
        """The dtype of pandas, where the values are those of JSON; made once, since columns are compared by it."""
        import pandas as pd

        return pd.CategoricalDtype(pd.Index(list(self.values)), self.ordered)

    @model_serializer(mode="wrap")
    def _without_default(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key != "dtype" or value is not None}


class ExactCategories:
    """Whether a column of categories has those on record, in their order: then none of its values needs a look.

    Args:
        categories: Those on record.
    """

    def __init__(self, categories: Categories | None) -> None:
        self._categories = categories if categories is not None and _are_plain(categories) else None
        self._last: Any = None

    def are(self, dtype: Any) -> bool:
        """Say so of the dtype of a column; the rows of a frame share it, and it is compared once."""
        if self._categories is None or type(dtype).__name__ != "CategoricalDtype":
            return False
        if dtype is self._last:
            return True
        found, index = dtype.categories, self._categories.made.categories
        if bool(dtype.ordered) != self._categories.ordered or found.dtype != index.dtype or not found.equals(index):
            return False
        self._last = dtype
        return True

    def encode(self, array: Any) -> list[Json]:
        """Return the values of a column with these categories as JSON: a code is the place of a category."""
        values = (*(self._categories.values if self._categories else ()), None)
        return [values[code] for code in array.codes.tolist()]  # the code of a missing value is -1

    def __reduce__(self) -> tuple[Any, ...]:
        return ExactCategories, (self._categories,)


def _are_plain(categories: Categories) -> bool:
    return categories.dtype is None and len(set(map(type, categories.values))) == 1


def describe_categories(accessor: Any, path: str, encode: Convert) -> Categories:
    """Describe the categories of a column.

    Args:
        accessor: The column's ``cat``.
        path: Where it is.
        encode: Encodes a column.

    Raises:
        DataError: They are of several kinds, or of one that can't travel.
    """
    import pandas as pd

    index = accessor.categories
    values = index.tolist()
    if all(type(value) in (str, int, bool) or (type(value) is float and math.isfinite(value)) for value in values):
        plain = str(index.dtype) in ("object", "str", "int64", "float64", "bool")
        return Categories(
            values=tuple(values),
            ordered=bool(accessor.ordered),
            dtype=None if plain or not values else str(index.dtype),
        )
    dtype = name_of_dtype(index.dtype)
    if family_of(dtype) in (None, "object", "arrow", "category"):
        raise DataError(
            path, "categories of one kind: strings, numbers, times or intervals", f"categories of {index.dtype}"
        )
    encoded = encode(pd.Series(index), dtype, lambda row: child(path, row))
    return Categories(values=tuple(encoded), ordered=bool(accessor.ordered), dtype=dtype)


def schema_of_categories(
    categories: Categories | None, schema: Callable[[str, None], dict[str, Any]]
) -> dict[str, Any]:
    """Return the JSON Schema of one value; a value that was never seen is admitted too.

    Args:
        categories: Those that were seen.
        schema: Returns the schema of a dtype.
    """
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


def encode_categories(
    found: list[Any], categories: Categories | None, path_of: PathOf, columns: tuple[Convert, Convert]
) -> list[Json]:
    """Encode the values of a column.

    Args:
        found: The values, None where one is missing.
        categories: Those that were seen.
        path_of: Where a row is.
        columns: Encodes and decodes a column.

    Raises:
        DataError: A value is of another kind than the categories.
    """
    import pandas as pd

    if categories is not None and _needs_decoding(categories):
        there = pd.Series([item for item in found if item is not None])
        encoded = iter(columns[0](there.infer_objects(), str(categories.dtype), path_of) if len(there) else [])
        return [None if item is None else next(encoded) for item in found]
    if categories is not None and categories.values and all(type(value) is int for value in categories.values):
        found = [int(item) if type(item) is float and item.is_integer() else item for item in found]
    decode_categories(found, categories, path_of, columns[1])
    return found


def decode_categories(payload: Sequence[Json], categories: Categories | None, path_of: PathOf, decode: Convert) -> Any:
    """Decode a column; a category that was never seen is added, as it would be in the caller's own frame.

    Args:
        payload: The values.
        categories: Those that were seen.
        path_of: Where a row is.
        decode: Decodes a column.

    Raises:
        DataError: A value is of another kind than the categories.
    """
    import pandas as pd

    unhashable = next((row for row, item in enumerate(payload) if isinstance(item, list | dict)), None)
    if categories is not None and _needs_decoding(categories):
        decoded = decode(categories.values, str(categories.dtype), path_of)
        known = pd.Index(decoded, dtype=decoded.dtype)  # pandas 2 looks for another dtype by itself where none is given
        there = [item for item in payload if item is not None]
        found = iter(decode(there, str(categories.dtype), path_of).tolist() if there else [])
        values = [None if item is None else next(found) for item in payload]
        return pd.Categorical(values, categories=_with_new(known, values), ordered=categories.ordered)
    if unhashable is not None:
        raise mismatch(path_of(unhashable), "a category", payload[unhashable])
    if categories is None or not categories.values:  # files of MLEM 0.4 do not list them
        return pd.Series(list(payload), dtype=None if payload else "str").astype("category")
    quick = of_known(payload, categories)
    if quick is not None:
        return quick
    known_values = {(type(value), value) for value in categories.values} | {
        (float, float(value)) for value in categories.values if type(value) is int
    }
    kinds = {type(value) for value in categories.values}
    new = [
        (row, item) for row, item in enumerate(payload) if item is not None and (type(item), item) not in known_values
    ]
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


def of_known(payload: Sequence[Json], categories: Categories | None) -> Any:
    """Return a column of nothing but categories on record, and of missing values; None where it has others."""
    import pandas as pd

    if categories is None or categories.kind is None or not set(map(type, payload)) <= {categories.kind, type(None)}:
        return None
    try:
        codes = list(map(categories.codes.__getitem__, payload))
    except KeyError:
        return None
    return pd.Categorical.from_codes(codes, dtype=categories.made)


def _with_new(known: Any, values: list[Any]) -> Any:
    """Return categories with those behind them that are among the values alone."""
    import pandas as pd

    have = set(known)
    new = [value for value in dict.fromkeys(values) if value is not None and value not in have]
    if not new:
        return known
    return known.append(pd.Index(new)) if hasattr(known, "append") and not isinstance(known, list) else [*known, *new]
