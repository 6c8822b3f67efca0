"""`OptionalType`: a value of one type, or none: null in JSON."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from mlem_model.data.types.base import DataType, Json
from mlem_model.data.types.notes import note
from mlem_model.data.types.plain.unspecified import UnspecifiedType
from mlem_model.errors import DataError

if TYPE_CHECKING:
    from mlem_model.data.types.any import (
        AnyDataType,
    )  # at run time mlem_model.data.types.any puts it into these classes, see there

Missing = Literal["None", "NaN", "NaT", "NA"]


def missing_of(value: Any) -> Missing | None:
    """Name the missing value that a value is: None, a float that is not a number, or a missing value of pandas.

    Return None when the value is not missing.
    """
    if value is None:
        return "None"
    if isinstance(value, float):
        return "NaN" if math.isnan(value) else None
    names: dict[str, Missing] = {"NaTType": "NaT", "NAType": "NA"}
    return names.get(type(value).__name__)


def _place(path: str) -> str:
    """Return a path without row numbers, so that each column is noted once."""
    return re.sub(r"\[\d+\]", "[]", path)


class OptionalType(DataType):
    """A value that may be missing.

    Attributes:
        dtype: The type of a value that is there.
        missing: What a missing one is in Python: ``None``, ``NaN``, or ``NaT`` and ``NA`` of pandas.
    """

    type: ClassVar[str] = "optional"
    dtype: AnyDataType
    missing: Missing = "None"

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """No single value is of this type: see `mlem_model.data.types.plain.union.unify`."""
        return None

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return {"anyOf": [self.dtype.json_schema(), {"type": "null"}]}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; every kind of missing value becomes null, unless it is a value of the type itself."""
        missing = missing_of(value)
        if missing == self.missing or (missing and isinstance(self.dtype, UnspecifiedType)):
            return None
        try:
            return self.dtype.encode(value, path)
        except DataError as error:
            if missing:
                note(f"{_place(path)}: a missing value that is {missing} reaches the model as {self.missing}", error)
                return None
            raise

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        if payload is not None:
            return self.dtype.decode(payload, path)
        if self.missing == "None":
            return None
        if self.missing == "NaN":
            return math.nan
        import pandas as pd

        return getattr(pd, self.missing)

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return self.dtype.requirements() | ({"pandas"} if self.missing in ("NaT", "NA") else set())

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return (self.dtype,)
