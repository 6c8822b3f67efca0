"""JSON: parsed with the signature in mind, so that what fits is checked while it is parsed, by compiled code.

What the compiled decoder can't handle is decoded again by the data types, which accept every spelling (``"NaN"``,
``5.0`` for an integer, the alias ``data``) and say where something is wrong. Both give the same values for what both
accept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from mlem_model.data.types.any import DataFrameType, DataType, ListType, NdarrayType, PrimitiveType
from mlem_model.data.types.plain.scalars import kind_of, limits
from mlem_model.models.model import Method
from mlem_server.http.errors import HttpError

Values = dict[str, Any]
Convert = Callable[[Any], Any]

_PLAIN: dict[str, Any] = {"int": int, "float": float, "str": str, "bool": bool}
_LONG_BYTES = 2**20
_BYTE = re.compile(r" \(byte (\d+)\)$")
_decode_any = msgspec.json.Decoder().decode
scan = msgspec.json.Decoder(msgspec.Raw).decode
"""Raises ValueError or RecursionError for what is not JSON, without making values of it."""


class _UnfitError(Exception):
    """The data fits the compiled decoder's types, but not another rule."""


def parse_json(body: bytes | bytearray) -> Any:
    """Parse a body.

    The literals ``NaN``, ``Infinity`` and ``-Infinity`` are accepted, because ``json.dumps`` writes them, although they
    are not part of RFC 8259.

    Raises:
        HttpError: 400 when it is not UTF-8, not JSON, or nested deeper than the interpreter allows.
    """
    expect_json(body)
    try:
        return loads(body)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno} column {error.colno}"
        hint = "send the arguments as a JSON object"
        raise HttpError(400, "bad-json", f"the body is not JSON: {error.msg} at {where}", hint=hint) from error
    except UnicodeDecodeError as error:
        raise HttpError(400, "bad-json", f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    except RecursionError as error:
        raise HttpError(400, "bad-json", "the JSON is nested too deeply") from error
    except ValueError as error:  # an integer with more digits than the interpreter converts
        raise HttpError(400, "bad-json", "the JSON has a number with too many digits") from error


def loads(text: bytes | bytearray) -> Any:
    """Parse JSON.

    Raises:
        ValueError: It is not JSON.
        RecursionError: It is nested deeper than the interpreter allows.
    """
    try:
        return _decode_any(text)
    except (ValueError, RecursionError):  # the standard library accepts more, and says where the mistake is
        return json.loads(text.decode("utf-8"))


def has_words(body: bytes | bytearray) -> bool:
    """Whether a body may have the words for numbers that JSON lacks, which only the standard library accepts."""
    return b"NaN" in body or b"Infinity" in body


def expect_json(body: bytes | bytearray) -> None:
    """Refuse a long body that is not JSON before values are made of it.

    A short body is parsed in less time than this check takes.

    Raises:
        HttpError: 400.
    """
    if len(body) <= _LONG_BYTES or has_words(body):
        return
    try:
        scan(body)
    except RecursionError as error:
        raise HttpError(400, "bad-json", "the JSON is nested too deeply") from error
    except ValueError as error:
        found = _BYTE.search(str(error))
        at = int(found[1]) if found else len(body)
        said = _BYTE.sub("", str(error)).removeprefix("JSON is malformed: ")
        line, column = body.count(b"\n", 0, at) + 1, at - body.rfind(b"\n", 0, at)
        hint = "send the arguments as a JSON object"
        raise HttpError(
            400, "bad-json", f"the body is not JSON: {said} at line {line} column {column}", hint=hint
        ) from error


def compiled(method: Method) -> Callable[[bytes | bytearray], Values | None]:
    """Compile a decoder of a method's JSON bodies.

    Returns:
        A function from a body to the arguments' values; it returns None for a body that it can't handle.
    """
    parts = [_compile(argument.data_type) for argument in method.args]
    if not parts or None in parts:
        return lambda _body: None
    names = [argument.name for argument in method.args]
    fields: list[Any] = [
        (f"a{number}", part[0]) if argument.required else (f"a{number}", part[0] | msgspec.UnsetType, msgspec.UNSET)
        for number, (argument, part) in enumerate(zip(method.args, parts, strict=True))
        if part is not None
    ]
    renamed = {f"a{number}": name for number, name in enumerate(names)}
    order = [*(field for field in fields if len(field) == 2), *(field for field in fields if len(field) == 3)]
    struct = msgspec.defstruct("Arguments", order, rename=renamed, forbid_unknown_fields=True)
    decode = msgspec.json.Decoder(struct).decode
    converts = [
        (f"a{number}", name, part[1])
        for number, (name, part) in enumerate(zip(names, parts, strict=True))
        if part is not None
    ]

    def decoder(body: bytes | bytearray) -> Values | None:
        try:
            found = decode(body)
            return {
                name: convert(value)
                for field, name, convert in converts
                if (value := getattr(found, field)) is not msgspec.UNSET
            }
        except (ValueError, OverflowError, RecursionError, _UnfitError):
            return None

    return decoder


def compiled_value(data_type: DataType) -> Callable[[bytes], Any] | None:
    """Compile a decoder for the JSON of one value; None where there is none.

    Returns:
        A function from JSON to the value; it returns None for what it can't handle.
    """
    found = _compile(data_type)
    if found is None:
        return None
    parse, convert = msgspec.json.Decoder(found[0]).decode, found[1]

    def decoder(text: bytes) -> Any:
        try:
            return convert(parse(text))
        except (ValueError, OverflowError, RecursionError, _UnfitError):
            return None

    return decoder


def _compile(data_type: DataType) -> tuple[Any, Convert] | None:
    """Return a type for msgspec to check, and a function that makes our value from it; None where there is none."""
    if data_type.wire is not data_type:
        return _compile_adapted(data_type)
    if isinstance(data_type, PrimitiveType):
        return (_PLAIN[data_type.ptype], _same) if data_type.ptype in _PLAIN else None
    if isinstance(data_type, ListType):
        item = (
            _PLAIN.get(data_type.dtype.ptype)
            if isinstance(data_type.dtype, PrimitiveType) and not data_type.as_tuple
            else None
        )
        return (_list_of(item, data_type.size), _same) if item else None
    if isinstance(data_type, NdarrayType):
        return _compile_array(data_type)
    return _compile_frame(data_type) if isinstance(data_type, DataFrameType) else None


def _compile_adapted(data_type: DataType) -> tuple[Any, Convert] | None:
    found = _compile(data_type.wire)
    if found is None:
        return None
    parsed, convert = found
    return parsed, lambda payload: data_type.from_wire(convert(payload))


def _compile_array(data_type: NdarrayType) -> tuple[Any, Convert] | None:
    item = _item(data_type.dtype)
    if item is None or not data_type.shape or data_type.masked:
        return None
    nested = item
    for length in reversed(data_type.shape):
        nested = _list_of(nested, length)
    dimensions, dtype = len(data_type.shape), "U" if data_type.dtype == "str" else data_type.dtype

    def convert(payload: Any) -> Any:
        import numpy as np

        array = np.array(payload, dtype=dtype)
        if array.ndim != dimensions:  # no rows: the payload does not say how long they are
            raise _UnfitError
        return array

    return nested, convert


def _compile_frame(data_type: DataFrameType) -> tuple[Any, Convert] | None:
    dtype = data_type.block_dtype
    item = None if dtype is None else _item(dtype)
    if item is None or not all(map(_is_simple, data_type.columns)):
        return None
    names = {f"c{number}": str(name) for number, name in enumerate(data_type.columns)}
    row = msgspec.defstruct("Row", [(field, item) for field in names], rename=names, forbid_unknown_fields=True)
    labels = list(data_type.columns)
    index: Any = None  # made once: it takes longer than the rest of the frame

    def convert(payload: Any) -> Any:
        nonlocal index
        import numpy as np
        import pandas as pd

        if not payload:
            raise _UnfitError
        if index is None:
            index = pd.DataFrame(columns=labels).columns
        rows = np.array([msgspec.structs.astuple(item) for item in payload], dtype=dtype)
        return pd.DataFrame(rows, columns=index, copy=False)

    return list[row], convert  # type: ignore[valid-type]  # made at run time


def _is_simple(label: Any) -> bool:
    """Whether a column's name is not a tuple, and needs no escape in JSON: msgspec's field names have none."""
    return not isinstance(label, tuple) and not any(character < " " or character in '"\\' for character in str(label))


def _item(dtype: str) -> Any:
    kind = kind_of(dtype)
    if kind == "int":
        low, high = limits(dtype)
        # msgspec's bounds are signed 64-bit integers
        return Annotated[int, msgspec.Meta(ge=low, le=high)] if high < 2**63 else None
    if kind == "float":
        return float if dtype == "float64" else None  # a narrower type has to be checked after the conversion
    return {"bool": bool, "str": str}.get(kind or "")


def _list_of(item: Any, length: int | None) -> Any:
    return list[item] if length is None else Annotated[list[item], msgspec.Meta(min_length=length, max_length=length)]


def _same(value: Any) -> Any:
    return value
