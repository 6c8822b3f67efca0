"""`SeriesType`: a series of pandas."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import field_validator

from mlem_model.data.types.base import DataType, Json, child, mismatch, module_of
from mlem_model.data.types.index import Label
from mlem_model.data.types.tables import columns
from mlem_model.data.types.tables.columns import Categories
from mlem_model.data.types.tables.frames import DataFrameType
from mlem_model.data.types.tables.payloads import split

if TYPE_CHECKING:
    from mlem_model.data.types.any import (
        AnyDataType,
    )  # at run time mlem_model.data.types.any puts it into these classes, see there

VALUE = "value"
"""The name on the wire of the values of a series without a name, where its index travels too."""


class SeriesType(DataType):
    """A series of pandas.

    Without an index that is data, it is a list on the wire; else a list of records, of the index's levels and the
    value.

    Attributes:
        dtype: The dtype of its values.
        name: Its name, or None.
        categories: Its values when its dtype is ``category``.
        items: The type of its values when they are Python objects.
        table: The frame that it travels as, with its index; None when it has no index that is data.
    """

    type: ClassVar[str] = "series"
    later_fields: ClassVar[frozenset[str]] = frozenset({"items", "table"})
    dtype: str
    name: Label | None = None
    categories: Categories | None = None
    items: AnyDataType | None = None
    table: DataFrameType | None = None

    _check_dtype = field_validator("dtype")(columns.check_dtype)

    @classmethod
    def _from_04(cls, data: dict[str, Any]) -> dict[str, Any]:
        if "columns" not in data or "dtypes" not in data:
            return data
        rest = {key: value for key, value in data.items() if key not in ("columns", "dtypes", "index_cols")}
        pairs = [
            pair
            for pair in zip(data["columns"], data["dtypes"], strict=True)
            if pair[0] not in data.get("index_cols", ())
        ]
        if len(pairs) != 1:
            raise ValueError("expected one column beside those of the index")
        return {**rest, "name": pairs[0][0], "dtype": pairs[0][1]}

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if module_of(value) != "pandas" or type(value).__name__ != "Series":
            return None
        name = value.name.item() if module_of(value.name) == "numpy" else value.name
        named = isinstance(name, str | int | float | tuple) and not isinstance(name, bool)
        frame = DataFrameType.of(value.to_frame(VALUE if name is None else name if named else VALUE), infer)
        if frame is None:
            raise AssertionError("a series has a frame")
        dtype, categories, items = columns.describe(value, "data", infer)
        table = frame if frame.index_cols else None
        return cls(dtype=dtype, name=name if named else None, categories=categories, items=items, table=table)

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return () if self.items is None else (self.items,)

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        if self.table is not None:
            return self.table.json_schema()
        return {"type": "array", "items": columns.schema(self.dtype, self.categories, self.items)}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; lists and flat arrays convert."""
        if isinstance(value, list | tuple) or (module_of(value) == "numpy" and getattr(value, "ndim", 0) == 1):
            value = self.decode(list(value) if isinstance(value, list | tuple) else value.tolist(), path)
        if module_of(value) != "pandas" or type(value).__name__ != "Series":
            raise mismatch(path, "a series of pandas", value)
        if self.table is not None:
            return self.table.encode(value.to_frame(self._column), path)
        return list(columns.encode(value, self.dtype, self.categories, self.items, lambda row: child(path, row)))

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`; records of one column, as MLEM 0.4 sends them, are accepted."""
        import pandas as pd

        if self.table is not None:
            return self.table.decode(payload, path).iloc[:, 0].rename(self.name)
        if isinstance(payload, dict) and payload.keys() == {"values"}:
            payload, path = payload["values"], child(path, "values")
        if not isinstance(payload, list):
            raise mismatch(path, "a list of values", payload)
        if (
            payload
            and all(isinstance(item, dict) and item.keys() == {str(self.name)} for item in payload)
            and self.items is None
        ):
            payload = next(iter(split(payload, [str(self.name)], (), path)[0].values()))
        return pd.Series(
            columns.decode(payload, self.dtype, self.categories, self.items, lambda row: child(path, row)),
            name=self.name,
        )

    def accept(self, value: Any, path: str = "data") -> Any:
        """See `DataType.accept`; values of the right dtype need no look."""
        plain = self.table is None and self.items is None and self.categories is None and self.dtype != "object"
        known = module_of(value) == "pandas" and type(value).__name__ == "Series"
        if plain and known and columns.name_of_dtype(value.dtype) == self.dtype:
            return value.reset_index(drop=True).rename(self.name)
        return super().accept(value, path)

    @property
    def in_rows(self) -> bool:
        """See `DataType.in_rows`."""
        return self.table is None

    def rows(self, value: Any) -> int | None:
        """See `DataType.rows`."""
        return len(value) if self.in_rows else None

    def join(self, values: Sequence[Any]) -> Any:
        """See `DataType.join`.

        Raises:
            ValueError: A caller has a category that others have not.
        """
        import pandas as pd

        if self.categories and any(value.dtype != values[0].dtype for value in values):
            raise ValueError("the callers' series have different categories")
        return pd.concat(values, ignore_index=True)

    def part(self, value: Any, start: int, stop: int) -> Any:
        """See `DataType.part`."""
        return value.iloc[start:stop].reset_index(drop=True)

    def without_index(self) -> SeriesType:
        """Return the type of series that have the same values, and an index that is not data."""
        return self.model_copy(update={"table": None})

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        arrow = {"pyarrow"} if self.dtype.startswith("arrow[") else set()
        return {"pandas"} | arrow | (self.items.requirements() if self.items is not None else set())

    @property
    def _column(self) -> Any:
        return VALUE if self.name is None else self.name
