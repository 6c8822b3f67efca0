"""`PolarsType`: a polars frame or series; as JSON it is sent as pandas frames and series are, and as Arrow as it is."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Self

from mlem_model.data.types.base import DataType, Json, child, mismatch, module_of
from mlem_model.data.types.plain.items import type_of_items
from mlem_model.data.types.plain.optional import OptionalType
from mlem_model.data.types.tables.payloads import split
from mlem_model.errors import DataError

if TYPE_CHECKING:
    from mlem_model.data.types.any import (
        AnyDataType,
    )  # at run time mlem_model.data.types.any puts it into these classes, see there

_SIMPLE = (
    "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64",
    "Boolean", "String", "Binary", "Date", "Time", "Categorical",
)  # fmt: skip
_TIME = re.compile(r"(Datetime|Duration)\(time_unit='(ms|us|ns)'(?:, time_zone=(?:None|'([\w/+\-]+)'))?\)")
_PLAIN: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}
SERIES = "series"


class PolarsType(DataType):
    """A frame or a series of polars.

    Attributes:
        columns: Names of the columns; of a series, its name alone.
        dtypes: The dtype of each column, as polars writes it.
        items: The type of the values of each column.
        series: Whether it is a series.
    """

    type: ClassVar[str] = "polars"
    columns: tuple[str, ...]
    dtypes: tuple[str, ...]
    items: tuple[AnyDataType, ...]
    series: bool = False

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if module_of(value) != "polars" or type(value).__name__ not in ("DataFrame", "Series"):
            return None
        series = type(value).__name__ == "Series"
        parts = [value] if series else value.get_columns()
        for part in parts:
            if _dtype(str(part.dtype)) is None:
                raise DataError(
                    child("data", part.name),
                    "a column of numbers, booleans, text, bytes or times",
                    f"a column of {part.dtype}",
                )
        items = [type_of_items([item for item in part.to_list() if item is not None], infer) for part in parts]
        return cls(
            columns=tuple(part.name for part in parts),
            dtypes=tuple(str(part.dtype) for part in parts),
            items=tuple(item if isinstance(item, OptionalType) else OptionalType(dtype=item) for item in items),
            series=series,
        )

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return self.items

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        schemas = [item.json_schema() for item in self.items]
        if self.series:
            return {"type": "array", "items": schemas[0]}
        row = {
            "type": "object",
            "properties": dict(zip(self.columns, schemas, strict=True)),
            "required": list(self.columns),
        }
        return {"type": "array", "items": row}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; lists of records convert."""
        if isinstance(value, list | dict):
            value = self.decode(value, path)
        wanted = "Series" if self.series else "DataFrame"
        if module_of(value) != "polars" or type(value).__name__ != wanted:
            raise mismatch(path, f"a {'series' if self.series else 'frame'} of polars", value)
        parts = {value.name: value} if self.series else {part.name: part for part in value.get_columns()}
        if not self.series and not set(self.columns) <= set(parts):
            raise DataError(path, f"the columns {', '.join(self.columns)}", f"the columns {', '.join(parts)}")
        encoded = [
            self._encode(next(iter(parts.values())) if self.series else parts[name], at, path)
            for at, name in enumerate(self.columns)
        ]
        return (
            encoded[0]
            if self.series
            else [dict(zip(self.columns, row, strict=True)) for row in zip(*encoded, strict=True)]
        )

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`."""
        import polars as pl

        if self.series:
            if not isinstance(payload, list):
                raise mismatch(path, "a list of values", payload)
            return self._decode(payload, 0, lambda row: child(path, row))
        parts, path_of, _ = split(payload, self.columns, (), path)
        made = [self._decode(parts[name], at, partial(path_of, name=name)) for at, name in enumerate(self.columns)]
        return pl.DataFrame(made)

    def accept(self, value: Any, path: str = "data") -> Any:
        """See `DataType.accept`; a frame with columns of the right dtypes is not copied into lists."""
        if module_of(value) == "polars" and type(value).__name__ == "DataFrame" and not self.series:
            if (
                dict(zip(self.columns, self.dtypes, strict=True)).items()
                <= {name: str(dtype) for name, dtype in value.schema.items()}.items()
            ):
                return value if tuple(value.columns) == self.columns else value.select(self.columns)
        elif module_of(value) == "polars" and self.series and str(value.dtype) == self.dtypes[0]:
            return value.rename(self.columns[0])
        return super().accept(value, path)

    def rows(self, value: Any) -> int | None:
        """See `DataType.rows`."""
        return len(value)

    def join(self, values: Sequence[Any]) -> Any:
        """See `DataType.join`."""
        import polars as pl

        return pl.concat(values)

    def part(self, value: Any, start: int, stop: int) -> Any:
        """See `DataType.part`."""
        return value[start:stop]

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"polars"}

    def _encode(self, part: Any, at: int, path: str) -> list[Json]:
        def where(row: int) -> str:
            return child(path, row) if self.series else child(child(path, row), self.columns[at])

        values: list[Json] = part.to_list()
        return (
            values
            if _are_plain(self.items[at], values)
            else [self.items[at].encode(item, where(row)) for row, item in enumerate(values)]
        )

    def _decode(self, payload: Sequence[Json], at: int, path_of: Callable[[int], str]) -> Any:
        import polars as pl

        values = (
            payload
            if _are_plain(self.items[at], payload)
            else [self.items[at].decode(item, path_of(row)) for row, item in enumerate(payload)]
        )
        try:
            return pl.Series(self.columns[at], values, dtype=_dtype(self.dtypes[at]))
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
            raise DataError(path_of(0), f"values of {self.dtypes[at]}", "others") from error


def _are_plain(item: DataType, values: Sequence[Json]) -> bool:
    """Say whether all values of a type are their own JSON: of its class, none missing, and no float but finite ones."""
    kind = _PLAIN.get(getattr(getattr(item, "dtype", None), "ptype", ""))
    return (
        kind is not None and set(map(type, values)) == {kind} and (kind is not float or all(map(math.isfinite, values)))
    )


def _dtype(name: str) -> Any:
    """Return the dtype of polars that a name is of; None for one that can't travel."""
    import polars as pl

    if name in _SIMPLE:
        return getattr(pl, name)
    found = _TIME.fullmatch(name)
    if not found:
        return None
    unit: Any = found[2]
    return pl.Datetime(unit, found[3]) if found[1] == "Datetime" else pl.Duration(unit)
