"""`UnspecifiedType`: any value; what a model saved without a sample takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

from mlem.data_types.base import DataType, Json


class UnspecifiedType(DataType):
    """Any value that can travel as JSON; decoding leaves it as JSON has it."""

    type: ClassVar[str] = "unspecified"

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """No value is of this type by itself: see `DataType.of`."""
        return None

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return {}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; the value's own type says how."""
        from mlem.data import infer  # late: infer knows every type, this one too

        return infer(value, path).encode(value, path)

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        return payload
