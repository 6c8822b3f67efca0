"""`StructuredType`: an array of numpy whose items have named fields; on the wire a list of records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

from mlem_model.data.types.arrays.array import NdarrayType
from mlem_model.data.types.base import DataType, Json, child, mismatch, module_of
from mlem_model.data.types.tables.payloads import split
from mlem_model.errors import DataError


class StructuredType(DataType):
    """A structured array of one dimension.

    Attributes:
        fields: The type of each field; its first dimension is the array's.
        descr: The fields with their dtypes as numpy writes them: ``[["x", "<f8"]]``.
        record: Whether it is of numpy's class ``recarray``.
    """

    type: ClassVar[str] = "structured"
    fields: dict[str, NdarrayType]
    descr: tuple[tuple[str, str], ...]
    record: bool = False

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        names = getattr(getattr(value, "dtype", None), "names", None)
        if module_of(value) != "numpy" or not names or not hasattr(value, "__array_finalize__"):
            return None
        plain = all(value.dtype[name].names is None and value.dtype[name].shape == () for name in names)
        if value.ndim != 1 or not plain:
            raise DataError(
                "data",
                "a structured array of one dimension with plain fields",
                f"one of {value.dtype} of shape {value.shape}",
            )
        fields = {name: infer(value[name]) for name in names}
        return cls.model_validate(
            {
                "fields": fields,
                "descr": [(name, value.dtype[name].str) for name in names],
                "record": type(value).__name__ == "recarray",
            }
        )

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        properties = {name: field.json_schema()["items"] for name, field in self.fields.items()}
        return {"type": "array", "items": {"type": "object", "properties": properties, "required": list(properties)}}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; lists of records convert."""
        if isinstance(value, list | dict):
            value = self.decode(value, path)
        if module_of(value) != "numpy" or set(getattr(value.dtype, "names", None) or ()) != set(self.fields):
            raise mismatch(path, f"a structured array with the fields {', '.join(self.fields)}", value)
        columns = [field.encode(value[name].reshape(-1), child(path, name)) for name, field in self.fields.items()]
        return [dict(zip(self.fields, row, strict=True)) for row in zip(*columns, strict=True)]

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`; the shapes of a table are accepted."""
        import numpy as np

        parts, _, length = split(payload, list(self.fields), (), path)
        array = np.empty(length, dtype=list(self.descr))
        for name, field in self.fields.items():
            array[name] = field.decode(list(parts[name]), child(path, name))
        return array.view(np.recarray) if self.record else array

    def rows(self, value: Any) -> int | None:
        """See `DataType.rows`."""
        return len(value)

    def join(self, values: Sequence[Any]) -> Any:
        """See `DataType.join`."""
        import numpy as np

        return np.concatenate(values)

    def part(self, value: Any, start: int, stop: int) -> Any:
        """See `DataType.part`."""
        return value[start:stop]

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"numpy"}
