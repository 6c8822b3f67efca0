"""`difference`: whether a value came back unchanged, and if not, where it differs."""

from __future__ import annotations

import dataclasses
import enum
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from mlem_model.data.types.base import DataType, child, module_of
from mlem_model.data.types.index import levels_of
from mlem_model.data.types.known import infer
from mlem_model.data.types.plain.optional import missing_of
from mlem_model.data.types.plain.scalars import kind_of
from mlem_model.errors import DataError

_PLAIN = frozenset({*sys.stdlib_module_names, "numpy", "pandas", "pyarrow"})
"""Packages whose values travel as themselves."""
CELLS = 10_000
"""At most this many cells of a column of objects are compared one by one."""


def difference(given: Any, back: Any, path: str = "data") -> str | None:
    """Compare a value with what came back.

    Containers are compared by their contents (an ordered dict is a dict), integers and floats as numbers; the length of
    texts and the byte order of arrays do not matter.

    Args:
        given: The value.
        back: What came back.
        path: Where it is.

    Returns:
        The place of the first difference with both values, in words; None when there is none.
    """
    compare = _comparison(given)
    if compare is not None:
        return compare(given, back, path)
    adapted = _adapted(given)
    if adapted is not None:
        return _on_the_wire(adapted, given, back, path)
    missing, came = missing_of(given), missing_of(back)
    if missing or came:
        return None if missing == came else _words(path, given, back)
    kinds = [_kind(item) for item in (given, back)]
    if kinds[0] != kinds[1]:
        return _words(path, given, back)
    try:
        equal = bool(given == back)
    except Exception:  # the user's class may compare in any way
        return None
    return None if equal or _close(given, back) else _words(path, given, back)


def _comparison(given: Any) -> Callable[[Any, Any, str], str | None] | None:
    module, name = module_of(given), type(given).__name__
    if module == "pandas" and name in ("DataFrame", "Series"):
        return _frames if name == "DataFrame" else _series
    if (module == "numpy" and hasattr(given, "shape") and given.shape != ()) or type(given).__name__ == "ndarray":
        return _arrays
    if isinstance(given, Mapping):
        return _mappings
    if isinstance(given, list | tuple):
        return _sequences
    if dataclasses.is_dataclass(given) or isinstance(given, BaseModel):
        return _objects
    if module in ("scipy", "polars", "PIL"):
        return _foreign
    return None


def _kind(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return type(value).__qualname__
    if isinstance(value, bool) or type(value).__name__ in ("bool_", "bool"):
        return "bool"
    for name, bases in (
        ("bytes", (bytes, bytearray)),
        ("text", (str,)),
        ("number", (int, float)),
        ("set", (set, frozenset)),
    ):
        if isinstance(value, bases):
            return name
    if module_of(value) == "numpy":
        return {"i": "number", "u": "number", "f": "number", "b": "bool", "U": "text"}.get(
            value.dtype.kind, str(value.dtype.name)
        )
    return type(value).__qualname__


def _close(given: Any, back: Any) -> bool:
    if isinstance(given, Decimal):
        return bool(given.is_nan() and back.is_nan())
    return isinstance(given, float) and isinstance(back, float) and math.isnan(given) and math.isnan(back)


def _words(path: str, given: Any, back: Any) -> str:
    return f"{path}: {_short(given)} comes back as {_short(back)}"


def _short(value: Any) -> str:
    text = repr(_item(value))
    return f"{text if len(text) <= 60 else text[:60] + '...'} ({type(value).__name__})"


def _mappings(given: Any, back: Any, path: str) -> str | None:
    if not isinstance(back, Mapping) or list(map(repr, map(_item, given))) != list(map(repr, map(_item, back))):
        return _words(path, given, back)
    pairs = zip(given.items(), back.values(), strict=True)
    return _first(
        difference(item, other, child(path, key if isinstance(key, str) else repr(key))) for (key, item), other in pairs
    )


def _item(key: Any) -> Any:
    return key.item() if module_of(key) == "numpy" and hasattr(key, "item") else key


def _sequences(given: Any, back: Any, path: str) -> str | None:
    if (
        not isinstance(back, list | tuple)
        or isinstance(given, tuple) is not isinstance(back, tuple)
        or len(given) != len(back)
    ):
        return _words(path, given, back)
    return _first(
        difference(item, other, child(path, index)) for index, (item, other) in enumerate(zip(given, back, strict=True))
    )


def _objects(given: Any, back: Any, path: str) -> str | None:
    if type(given).__qualname__ != type(back).__qualname__:
        return _words(path, given, back)
    names = (
        [field.name for field in dataclasses.fields(given)]
        if dataclasses.is_dataclass(given)
        else list(type(given).model_fields)
    )
    return _first(
        difference(getattr(given, name, None), getattr(back, name, None), child(path, name)) for name in names
    )


def _arrays(given: Any, back: Any, path: str) -> str | None:
    import numpy as np

    if type(given) is not type(back) or given.shape != back.shape:
        return f"{path}: {_array(given)} comes back as {_array(back)}"
    if _dtype(given.dtype) != _dtype(back.dtype):
        return f"{path}: an array of {given.dtype} comes back as one of {back.dtype}"
    if given.dtype.kind == "O":
        pairs = zip(given.ravel().tolist()[:CELLS], back.ravel().tolist(), strict=False)
        return _first(difference(item, other, child(path, index)) for index, (item, other) in enumerate(pairs))
    if isinstance(given, np.ma.MaskedArray) and not np.array_equal(np.ma.getmaskarray(given), np.ma.getmaskarray(back)):
        return f"{path}: other values are masked than before"
    if isinstance(given, np.ma.MaskedArray):  # values behind a mask do not matter
        there = ~np.ma.getmaskarray(given)
        return _arrays(given.data[there], back.data[there], path)
    same = given == back
    same = same | ((given != given) & (back != back)) if given.dtype.kind in "fcmM" else same
    if np.all(same):
        return None
    if not given.shape:
        return _words(path, given, back)
    position = np.argwhere(~np.asarray(same))[0].tolist()
    return _words("".join([path, *(f"[{index}]" for index in position)]), given[tuple(position)], back[tuple(position)])


def _adapted(given: Any) -> DataType | None:
    """Return the type of a value that travels as one of another type; None where it is none of those."""
    if module_of(given) in _PLAIN:
        return None
    try:
        found = infer(given)
    except DataError:
        return None
    return None if found.wire is found else found


def _on_the_wire(data_type: DataType, given: Any, back: Any, path: str) -> str | None:
    if type(given).__qualname__ != type(back).__qualname__:
        return _words(path, given, back)
    return difference(data_type.to_wire(given), data_type.to_wire(back), path)


def _array(value: Any) -> str:
    return f"{type(value).__name__} of shape {getattr(value, 'shape', None)}"


def _dtype(dtype: Any) -> str:
    return str(kind_of(dtype.name)) if dtype.kind in "US" else str(dtype.newbyteorder("="))


def _series(given: Any, back: Any, path: str) -> str | None:
    if type(back).__name__ != "Series" or len(given) != len(back):
        return _words(path, given, back)
    if given.name != back.name and not (given.name is None and back.name is None):
        return f"{path}: the name {given.name!r} comes back as {back.name!r}"
    return _column(given, back, path) or _index(given.index, back.index, path)


def _frames(given: Any, back: Any, path: str) -> str | None:
    if type(back).__name__ != "DataFrame" or given.shape != back.shape:
        return f"{path}: a frame of shape {given.shape} comes back as {_array(back)}"
    if list(given.columns) != list(back.columns):
        return f"{path}: the columns {list(given.columns)[:10]} come back as {list(back.columns)[:10]}"
    if list(given.columns.names) != list(back.columns.names):
        return f"{path}: the columns' name {list(given.columns.names)} comes back as {list(back.columns.names)}"
    columns = (
        _column(given.iloc[:, at], back.iloc[:, at], child(path, str(label))) for at, label in enumerate(given.columns)
    )
    return _first(columns) or _index(given.index, back.index, path)


def _column(given: Any, back: Any, path: str) -> str | None:
    if not _same_dtype(given.dtype, back.dtype):
        return f"{path}: a column of {given.dtype} comes back as one of {back.dtype}"
    if str(given.dtype) == "object":
        pairs = zip(given.tolist()[:CELLS], back.tolist(), strict=False)
        return _first(difference(item, other, child(path, row)) for row, (item, other) in enumerate(pairs))
    given, back = given.reset_index(drop=True), back.reset_index(drop=True)
    if given.equals(back):
        return None
    wrong = next(
        (
            row
            for row, (item, other) in enumerate(zip(given.tolist(), back.tolist(), strict=True))
            if difference(item, other)
        ),
        None,
    )
    return None if wrong is None else _words(child(path, wrong), given.iloc[wrong], back.iloc[wrong])


def _same_dtype(given: Any, back: Any) -> bool:
    if str(given) == str(back) == "category":
        return bool(given == back) or (
            len(given.categories) == len(back.categories) == 0 and given.ordered == back.ordered
        )
    if str(given) == str(back):
        return type(given).__name__ == type(back).__name__
    numpy = hasattr(given, "newbyteorder") and hasattr(back, "newbyteorder")
    return bool(numpy and given.newbyteorder("=") == back.newbyteorder("="))


def _index(given: Any, back: Any, path: str) -> str | None:
    if list(given.names) != list(back.names):
        return f"{path}: the index named {list(given.names)} comes back as one named {list(back.names)}"
    pairs = zip(levels_of(given), levels_of(back), strict=True)
    return _first(_column(level, other, f"{path}.index") for level, other in pairs)


def _foreign(given: Any, back: Any, path: str) -> str | None:
    if type(given) is not type(back) and module_of(given) != "PIL":
        return _words(path, given, back)
    if module_of(given) == "scipy":
        return _arrays(given.toarray(), back.toarray(), path)
    if module_of(given) == "polars":
        same = given.equals(back, null_equal=True) and getattr(
            given, "schema", given.dtype if hasattr(given, "dtype") else None
        ) == getattr(back, "schema", back.dtype if hasattr(back, "dtype") else None)
        return None if same else _words(path, given, back)
    return (
        None
        if given.mode == back.mode and given.size == back.size and given.tobytes() == back.tobytes()
        else _words(path, given, back)
    )


def _first(found: Iterator[str | None]) -> str | None:
    return next((item for item in found if item), None)
