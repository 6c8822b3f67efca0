"""`UnspecifiedType`: any value; models saved without a sample take it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

from mlem_model.data.types.base import DataType, Json, name_of
from mlem_model.data.types.known import infer
from mlem_model.data.types.notes import note
from mlem_model.errors import DataError

_OF_JSON = (str, int, float, bool, type(None), list, dict)


class UnspecifiedType(DataType):
    """Any value that can be sent as JSON; decoding leaves it as JSON has it."""

    type: ClassVar[str] = "unspecified"

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """No value is of this type by itself: see `DataType.of`."""
        return None

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return {}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; the value's own type decides how."""
        if type(value) not in _OF_JSON:
            got = name_of(value)
            hint = "save the model with sample_data=, or with an annotation, so that the value keeps its type"
            note(
                f"{got} reaches the model as plain JSON; {hint}",
                DataError(path, "a value that JSON has", got, hint=hint),
            )
        return infer(value, path).encode(value, path)

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        return payload
