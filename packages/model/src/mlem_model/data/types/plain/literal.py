"""`LiteralType`: one of a few known values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

from pydantic import StrictBool, StrictFloat, StrictInt, StrictStr

from mlem_model.data.types.base import DataType, Json, module_of
from mlem_model.errors import DataError
from mlem_model.objects.validation import did_you_mean


class LiteralType(DataType):
    """A string, number, boolean or None that is one of those listed: ``Literal["fast", "exact"]``.

    Attributes:
        values: Those that are accepted.
    """

    type: ClassVar[str] = "literal"
    values: tuple[StrictStr | StrictBool | StrictInt | StrictFloat | None, ...]

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """No value is of this type by itself: only an annotation gives it."""
        return None

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return {"enum": list(self.values)}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`."""
        if module_of(value) == "numpy" and getattr(value, "shape", None) == ():
            value = value.item()
        return self.decode(value, path)

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        for value in self.values:
            if type(value) is type(payload) and value == payload:
                return value
        shown = ", ".join(map(repr, self.values))
        hint = (
            did_you_mean(payload, [value for value in self.values if isinstance(value, str)])
            if isinstance(payload, str)
            else None
        )
        raise DataError(path, f"one of {shown}", repr(payload)[:100], hint=hint)
