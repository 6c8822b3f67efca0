"""`PrimitiveType`: a number, a string, a boolean, bytes, or None."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any, ClassVar, Literal, Self

from mlem_model.data.types.base import DataType, Json, mismatch, module_of
from mlem_model.data.types.notes import is_exact
from mlem_model.data.types.plain.numbers import FLOAT_SCHEMA, decode_float, decode_int, encode_float
from mlem_model.data.types.plain.scalars import decode_bytes

Ptype = Literal["int", "float", "str", "bool", "bytes", "NoneType"]

_EXPECTED: dict[str, str] = {
    "int": "an integer", "float": "a number", "str": "a string", "bool": "true or false",
    "bytes": "bytes in base64", "NoneType": "null",
}  # fmt: skip
_SCHEMAS: dict[str, dict[str, Any]] = {
    "int": {"type": "integer"},
    "float": FLOAT_SCHEMA,
    "str": {"type": "string"},
    "bool": {"type": "boolean"},
    "bytes": {"type": "string", "contentEncoding": "base64"},
    "NoneType": {"type": "null"},
}


class PrimitiveType(DataType):
    """A single Python value.

    Attributes:
        ptype: The name of its class.
    """

    type: ClassVar[str] = "primitive"
    ptype: Ptype

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`; numpy's own strings and bytes count, its numbers are of type ``number``."""
        if value is None:
            return cls(ptype="NoneType")
        if isinstance(value, bool):
            return cls(ptype="bool")
        if isinstance(value, str):
            return cls(ptype="str")
        if isinstance(value, bytes | bytearray):
            return cls(ptype="bytes")
        if module_of(value) == "numpy":
            return None
        if isinstance(value, int):
            return cls(ptype="int")
        return cls(ptype="float") if isinstance(value, float) else None

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return dict(_SCHEMAS[self.ptype])

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; numpy scalars convert."""
        if module_of(value) == "numpy" and getattr(value, "shape", None) == ():
            value = value.item()
        if self.ptype == "bytes":
            if not isinstance(value, bytes | bytearray):
                raise mismatch(path, "bytes", value)
            return base64.b64encode(value).decode()
        if self.ptype == "str" and isinstance(value, str):
            return str(value)
        if self.ptype in ("int", "float") and isinstance(value, int | float) and not isinstance(value, bool):
            if isinstance(value, float) is not (self.ptype == "float") and is_exact():
                raise mismatch(path, _EXPECTED[self.ptype], value)
            if self.ptype == "float":
                return encode_float(float(value)) if isinstance(value, float) else int(value)
            if isinstance(value, int) or value.is_integer():
                return int(value)
        if (self.ptype == "bool" and isinstance(value, bool)) or (self.ptype == "NoneType" and value is None):
            return value
        raise mismatch(path, _EXPECTED[self.ptype], value)

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        if self.ptype == "float":
            return decode_float(payload, path)
        if self.ptype == "int":
            return decode_int(payload, path)
        if self.ptype == "bytes":
            return decode_bytes(payload, path)
        if type(payload).__name__ != self.ptype:
            raise mismatch(path, _EXPECTED[self.ptype], payload)
        return payload
