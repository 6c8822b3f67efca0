"""Values of one dtype as JSON lists, converted by numpy all at once; a wrong value is looked for only after a failure.

Arrays, frames and series are made of these. A *dtype* is the name that numpy or pandas prints for it.
"""

from __future__ import annotations

import base64
import binascii
import functools
import re
from collections.abc import Callable, Sequence
from typing import Any

from mlem_model.data.types.base import Json, child, mismatch
from mlem_model.data.types.plain.numbers import FLOAT_SCHEMA, decode_float, decode_int, encode_float
from mlem_model.errors import DataError

_INTEGER = re.compile(r"(u?)int(8|16|32|64)")
_FLOAT = re.compile(r"float(16|32|64)")
_DATETIME = re.compile(r"datetime64(\[.+\])?")
NOT_A_TIME = "NaT"
"""How a missing time is written where null means something else."""
_TIMEDELTA = re.compile(r"timedelta64\[.+\]")


@functools.cache
def kind_of(dtype: str) -> str | None:
    """Name the family of a dtype of numpy; None when it is not supported.

    The families are ``int``, ``float``, ``bool``, ``str``, ``bytes``, ``datetime``, ``timedelta`` and ``object``.
    """
    if _INTEGER.fullmatch(dtype):
        return "int"
    if _FLOAT.fullmatch(dtype):
        return "float"
    if _DATETIME.fullmatch(dtype):
        return "datetime"
    if _TIMEDELTA.fullmatch(dtype):
        return "timedelta"
    if dtype == "bytes" or re.fullmatch(
        r"bytes\d+|[|]?S\d+", dtype
    ):  # numpy prints bytes128 for a dtype's name, |S16 for itself
        return "bytes"
    if dtype == "str" or re.fullmatch(
        r"[<>=|]?U\d+|str\d*", dtype
    ):  # numpy prints str128 for a dtype's name, <U4 for itself
        return "str"
    return dtype if dtype in ("bool", "object") else None


def limits(dtype: str) -> tuple[int, int]:
    """Return the least and the greatest integer of a dtype."""
    found = _INTEGER.fullmatch(dtype)
    if found is None:
        raise ValueError(f"{dtype} is not a dtype of integers")
    bits = int(found[2])
    return (0, 2**bits - 1) if found[1] else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def schema(dtype: str) -> dict[str, Any]:
    """Return the JSON Schema of one value."""
    kind = kind_of(dtype)
    if kind == "int":
        low, high = limits(dtype)
        return {"type": "integer", "minimum": low, "maximum": high}
    if kind == "float":
        return FLOAT_SCHEMA
    if kind == "datetime":
        return {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
    if kind == "timedelta":
        return {"type": ["integer", "null"]}
    if kind == "bytes":
        return {"type": "string", "contentEncoding": "base64"}
    return {"bool": {"type": "boolean"}, "str": {"type": "string"}}.get(kind or "", {})


def item_decoder(dtype: str) -> Callable[[Json, str], Any]:
    """Return the function that decodes one value at a path, or raises `DataError`."""
    kind = kind_of(dtype)
    if kind == "int":
        low, high = limits(dtype)
        return lambda payload, path: decode_int(payload, path, f"an integer ({dtype})", low, high)
    if kind == "float":
        top = {"float16": 65504.0, "float32": 3.4028235677973366e38}.get(
            dtype
        )  # the latter rounds to infinity, everything below does not
        return lambda payload, path: _in_range(decode_float(payload, path, f"a number ({dtype})"), top, dtype, path)
    if kind == "datetime":
        return lambda payload, path: _decode_datetime(payload, path, dtype)
    if kind == "timedelta":
        return lambda payload, path: _decode_timedelta(payload, path, dtype)
    if kind == "bytes":
        return decode_bytes
    if kind == "object":
        return lambda payload, path: payload
    name, cls = ("true or false", bool) if kind == "bool" else ("a string", str)

    def decode_exact(payload: Json, path: str) -> Any:
        if type(payload) is not cls:
            raise mismatch(path, name, payload)
        return payload

    return decode_exact


def _in_range(value: float, top: float | None, dtype: str, path: str) -> float:
    if top is not None and top <= abs(value) < float("inf") and not (dtype == "float16" and abs(value) < 65520):
        raise DataError(path, f"a number ({dtype})", "a number out of range")
    return value


def decode_bytes(payload: Json, path: str) -> bytes:
    """Read bytes from their base64.

    Raises:
        DataError: It is something else.
    """
    if not isinstance(payload, str):
        raise mismatch(path, "bytes in base64", payload)
    try:
        return base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError(path, "bytes in base64", "a string that is not base64") from error


def _decode_timedelta(payload: Json, path: str, dtype: str) -> Any:
    import numpy as np

    low, high = -(2**63) + 1, 2**63 - 1  # the least integer stands for NaT
    missing = payload is None or payload == NOT_A_TIME
    count = -(2**63) if missing else decode_int(payload, path, f"a whole number ({dtype})", low, high)
    return np.array(count).astype("int64").view(dtype)[()]


def _decode_datetime(payload: Json, path: str, dtype: str) -> Any:
    import numpy as np

    if payload is None or payload == NOT_A_TIME:
        return np.array(-(2**63)).view("datetime64[s]" if np.datetime_data(dtype)[0] == "generic" else dtype)[()]
    if type(payload) is not str:
        raise mismatch(path, "a time in ISO 8601", payload)
    if not re.match(r"\s*[+-]?\d", payload):  # numpy knows words too: today, now
        raise DataError(path, "a time in ISO 8601", "a string that is not one")
    try:
        if re.search(r"(Z|[+-]\d\d:?\d\d)$", payload.partition("T")[2]):
            raise DataError(path, "a time in ISO 8601 without a time zone", "one with a time zone")
        return np.datetime64(payload)
    except ValueError as error:
        raise DataError(path, "a time in ISO 8601", "a string that is not one") from error


_FAST: dict[str, frozenset[type]] = {
    "int": frozenset({int}), "float": frozenset({int, float}), "bool": frozenset({bool}), "str": frozenset({str}),
}  # fmt: skip


def decode_flat(payload: Sequence[Json], dtype: str, path_of: Callable[[int], str]) -> Any:
    """Turn a flat list into an array.

    Args:
        payload: The values.
        dtype: Name of the array's dtype.
        path_of: Returns the path of the value at a position; asked only on failure.

    Returns:
        An array of shape ``(len(payload),)``.

    Raises:
        DataError: A value does not fit.
    """
    import numpy as np

    kind = kind_of(dtype) or "object"
    if kind == "object":
        array = np.empty(len(payload), dtype=object)
        array[:] = payload
        return array
    target = np.dtype({"str": str, "bytes": bytes}.get(kind, dtype))
    if set(map(type, payload)) <= _FAST.get(kind, frozenset()):
        array = _convert(payload, dtype, kind, target)
        if array is not None:
            return array
    decode = item_decoder(dtype)
    with np.errstate(over="ignore"):
        return np.array([decode(item, path_of(index)) for index, item in enumerate(payload)], dtype=target)


def _convert(payload: Sequence[Json], dtype: str, kind: str, target: Any) -> Any:
    """Convert values whose classes are right; None when one is out of range."""
    import numpy as np

    try:
        if kind == "int":
            low, high = limits(dtype)
            if payload and not (low <= min(payload) and max(payload) <= high):  # numpy 1 would wrap them around
                return None
        with np.errstate(over="ignore"):
            array = np.array(payload, dtype=target)
    except OverflowError:
        return None
    return array if dtype not in ("float16", "float32") or np.isfinite(array).all() else None


def encode_array(array: Any, path: str) -> Json:
    """Turn an array of any shape into nested lists.

    Raises:
        DataError: Its dtype can't travel as JSON.
    """
    import numpy as np

    kind = array.dtype.kind
    if kind == "f":
        finite = np.isfinite(array)
        if finite.all():
            return array.tolist()
        items = array.astype(object)
        items[~finite] = np.vectorize(encode_float, otypes=[object])(array[~finite].astype(float))
        return items.tolist()
    if kind in "iubU":
        return array.tolist()
    if kind == "S":
        items = np.empty(array.size, dtype=object)
        items[:] = [base64.b64encode(item).decode() for item in array.ravel().tolist()]
        return items.reshape(array.shape).tolist()
    if kind == "m":
        items = array.astype("int64").astype(object)
        items[np.isnat(array)] = None
        return items.tolist()
    if kind == "M":
        items = np.asarray(np.datetime_as_string(array)).astype(object)
        items[np.isnat(array)] = None
        return items.tolist()
    if kind == "O":
        from mlem_model.data.types.plain.unspecified import UnspecifiedType

        flat = [UnspecifiedType().encode(item, child(path, index)) for index, item in enumerate(array.ravel().tolist())]
        items = np.empty(array.size, dtype=object)
        items[:] = flat
        return items.reshape(array.shape).tolist()
    raise DataError(path, "an array of numbers, booleans, strings or times", f"an array of {array.dtype}")
