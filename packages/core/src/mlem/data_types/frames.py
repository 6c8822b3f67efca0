"""Frames and series of pandas.

An index without a name is a row count, or the trace of a shuffle: it is no data, and does not travel. A named index of a
frame does, as columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any, ClassVar, Protocol, Self

from pydantic import Field, field_validator, model_validator

from mlem.data_types import columns, scalars
from mlem.data_types.base import DataType, Json, child, mismatch, module_of
from mlem.data_types.columns import Categories
from mlem.data_types.containers import wrong_key
from mlem.errors import DataError


class PathOf(Protocol):
    """Says where a cell was in the payload."""

    def __call__(self, row: int, name: str) -> str:
        """Return its path."""


class DataFrameType(DataType):
    """A frame of pandas.

    Attributes:
        columns: Names of the columns, those of the index among them.
        dtypes: The dtype of each column.
        index_cols: Which of the columns are the index.
        categories: The values of the columns of dtype ``category``.
    """

    type: ClassVar[str] = "dataframe"
    columns: tuple[str | int, ...]
    dtypes: tuple[str, ...]
    index_cols: tuple[str | int, ...] = ()
    categories: dict[str, Categories] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.columns) != len(self.dtypes):
            raise ValueError(f"expected a dtype for each column, got {len(self.columns)} columns and {len(self.dtypes)} dtypes")
        for dtype in self.dtypes:
            columns.check_dtype(dtype)
        return self

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if module_of(value) != "pandas" or type(value).__name__ != "DataFrame":
            return None
        names = [name for name in value.index.names if name is not None]
        frame = _with_index(value)
        labels = list(frame.columns)
        if not all(isinstance(label, str) or (isinstance(label, int) and not isinstance(label, bool)) for label in labels):
            raise DataError(
                "data", "columns named by strings or integers", f"the column {labels[0]!r}", hint="name the columns: df.columns = [...]"
            )
        if len({str(label) for label in labels}) < len(labels):
            raise DataError("data", "columns with different names", "two columns of one name")
        described = [columns.describe(frame[label], child("data", str(label))) for label in labels]
        return cls(
            columns=tuple(str(label) if isinstance(label, str) else int(label) for label in labels),
            dtypes=tuple(dtype for dtype, _ in described),
            index_cols=tuple(names),
            categories={str(label): found for label, (_, found) in zip(labels, described, strict=True) if found},
        )

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        properties = {
            str(name): columns.schema(dtype, self.categories.get(str(name))) for name, dtype in zip(self.columns, self.dtypes, strict=True)
        }
        row = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
        return {"type": "array", "items": row}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; records and rows convert.

        Returns:
            A list of records, ``{column: value}``.
        """
        if isinstance(value, list | dict):
            value = self.decode(value, path)
        elif module_of(value) == "numpy" and getattr(value, "ndim", 0) == 2:
            value = self.decode(value.tolist(), path)
        if module_of(value) != "pandas" or type(value).__name__ != "DataFrame":
            raise mismatch(path, "a frame of pandas", value)
        frame = _with_index(value, [name for name in value.index.names if name in self.index_cols])
        if set(frame.columns) != set(self.columns) or len(frame.columns) != len(self.columns):
            raise wrong_key(f"{path}[0]", self.columns, list(frame.columns), "column")
        names = [str(name) for name in self.columns]
        if self._is_uniform() and set(map(str, set(frame.dtypes))) == set(self.dtypes):
            ordered = frame if tuple(frame.columns) == self.columns else frame[list(self.columns)]
            block = scalars.encode_array(ordered.to_numpy(), path)
            return [dict(zip(names, row, strict=True)) for row in block]
        parts = [
            columns.encode(frame[name], dtype, self.categories.get(str(name)), _cell(path, str(name)))
            for name, dtype in zip(self.columns, self.dtypes, strict=True)
        ]
        return [dict(zip(names, row, strict=True)) for row in zip(*parts, strict=True)] if parts else [{} for _ in range(len(frame))]

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`.

        Args:
            payload: A list of records; the same under the only key ``values``, as MLEM 0.4 sends it; a list of rows in the order
                of the columns; or an object of columns.
            path: Where the payload is.
        """
        import pandas as pd

        names = [str(name) for name in self.columns]
        parts, path_of = _split(payload, names, path)
        if self._is_uniform():  # one block is an order of magnitude faster than a column at a time
            length = len(parts[0])
            flat = list(chain.from_iterable(parts))
            block = scalars.decode_flat(flat, self.dtypes[0], lambda index: path_of(index % length, names[index // length]))
            return pd.DataFrame(block.reshape(len(names), length).T, columns=list(self.columns))
        series = {
            name: columns.decode(part, dtype, self.categories.get(str(name)), partial(path_of, name=str(name)))
            for name, dtype, part in zip(self.columns, self.dtypes, parts, strict=True)
        }
        frame = pd.DataFrame(series, columns=list(self.columns), index=None if series else pd.RangeIndex(len(payload)))
        return frame.set_index(list(self.index_cols)) if self.index_cols else frame

    def accept(self, value: Any, path: str = "data") -> Any:
        """See `DataType.accept`; columns of the right dtypes are not copied."""
        if module_of(value) != "pandas" or type(value).__name__ != "DataFrame" or self.index_cols or self.categories:
            return super().accept(value, path)
        if set(value.columns) != set(self.columns) or len(value.columns) != len(self.columns):
            raise wrong_key(f"{path}[0]", self.columns, list(value.columns), "column")
        ordered = value if tuple(value.columns) == self.columns else value[list(self.columns)]
        right = tuple(map(str, ordered.dtypes)) == self.dtypes and "object" not in self.dtypes
        return ordered.reset_index(drop=True) if right else super().accept(value, path)

    def rows(self, value: Any) -> int | None:
        """See `DataType.rows`."""
        return None if self.index_cols else len(value)

    def join(self, values: Sequence[Any]) -> Any:
        """See `DataType.join`."""
        import pandas as pd

        return pd.concat(values, ignore_index=True)

    def part(self, value: Any, start: int, stop: int) -> Any:
        """See `DataType.part`."""
        return value.iloc[start:stop].reset_index(drop=True)

    def _is_uniform(self) -> bool:
        """Whether all columns are numbers of one dtype of numpy, and none is the index."""
        return len(set(self.dtypes)) == 1 and scalars.kind_of(self.dtypes[0]) in ("int", "float", "bool") and not self.index_cols

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"pandas"}


def _cell(path: str, name: str) -> Callable[[int], str]:
    return lambda row: child(child(path, row), name)


def _with_index(frame: Any, names: Sequence[Any] | None = None) -> Any:
    """Move the named levels of the index among the columns, drop the others."""
    named = [name for name in frame.index.names if name is not None] if names is None else list(names)
    unnamed = [level for level, name in enumerate(frame.index.names) if name not in named]
    if unnamed and len(unnamed) == frame.index.nlevels:
        return frame  # what follows goes by position
    return frame.reset_index(level=unnamed, drop=True).reset_index() if unnamed else frame.reset_index()


def _split(payload: Json, names: list[str], path: str) -> tuple[list[Sequence[Any]], PathOf]:
    """Split a payload into columns, and say where each cell was."""
    if isinstance(payload, dict):
        if payload.keys() == {"values"} and (names != ["values"] or _are_records(payload["values"])):
            return _split(payload["values"], names, child(path, "values"))
        if payload.keys() != set(names):
            raise wrong_key(path, names, list(payload), "column")
        parts = [payload[name] for name in names]
        for name, part in zip(names, parts, strict=True):
            if not isinstance(part, list):
                raise mismatch(child(path, name), "a list of values", part)
            if len(part) != len(parts[0]):
                raise DataError(child(path, name), f"{len(parts[0])} values, as in {names[0]}", f"{len(part)} values")
        return parts, lambda row, name: child(child(path, name), row)
    if not isinstance(payload, list):
        raise mismatch(path, "a list of records", payload)
    kinds = set(map(type, payload))
    if kinds <= {dict}:
        return _columns_of_records(payload, names, path), lambda row, name: child(child(path, row), name)
    if kinds == {list}:
        wrong = next((row for row, items in enumerate(payload) if len(items) != len(names)), None)
        if wrong is not None:
            raise DataError(child(path, wrong), f"{len(names)} values, one for each column", f"{len(payload[wrong])} values")
        return list(zip(*payload, strict=True)), lambda row, name: child(child(path, row), names.index(name))
    noun, kind = ("a list of values", list) if type(payload[0]) is list else ("a record, {column: value}", dict)
    wrong = next(row for row, items in enumerate(payload) if type(items) is not kind)
    raise mismatch(child(path, wrong), noun, payload[wrong])


def _are_records(payload: Json) -> bool:
    return isinstance(payload, list) and set(map(type, payload)) == {dict}


def _columns_of_records(records: list[dict[str, Any]], names: list[str], path: str) -> list[Sequence[Any]]:
    if not records or not names:
        return [[] for _ in names]
    if set(map(len, records)) == {len(names)}:
        try:
            rows = list(map(itemgetter(*names), records))
        except KeyError:
            pass  # the search below says which one
        else:
            return [rows] if len(names) == 1 else list(zip(*rows, strict=True))
    row = next(row for row, record in enumerate(records) if record.keys() != set(names))
    raise wrong_key(child(path, row), names, list(records[row]), "column")


class SeriesType(DataType):
    """A series of pandas.

    Attributes:
        dtype: The dtype of its values.
        name: Its name, or None.
        categories: Its values when its dtype is ``category``.
    """

    type: ClassVar[str] = "series"
    dtype: str
    name: str | int | None = None
    categories: Categories | None = None

    _check_dtype = field_validator("dtype")(columns.check_dtype)

    @classmethod
    def _from_04(cls, data: dict[str, Any]) -> dict[str, Any]:
        if "columns" not in data or "dtypes" not in data:
            return data
        rest = {key: value for key, value in data.items() if key not in ("columns", "dtypes", "index_cols")}
        pairs = [pair for pair in zip(data["columns"], data["dtypes"], strict=True) if pair[0] not in data.get("index_cols", ())]
        if len(pairs) != 1:
            raise ValueError("expected one column beside those of the index")
        return {**rest, "name": pairs[0][0], "dtype": pairs[0][1]}

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`; the index does not travel."""
        if module_of(value) != "pandas" or type(value).__name__ != "Series":
            return None
        dtype, categories = columns.describe(value, "data")
        return cls(dtype=dtype, name=value.name if isinstance(value.name, str | int) else None, categories=categories)

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        return {"type": "array", "items": columns.schema(self.dtype, self.categories)}

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; lists and flat arrays convert."""
        if isinstance(value, list | tuple) or (module_of(value) == "numpy" and getattr(value, "ndim", 0) == 1):
            value = self.decode(list(value) if isinstance(value, list | tuple) else value.tolist(), path)
        if module_of(value) != "pandas" or type(value).__name__ != "Series":
            raise mismatch(path, "a series of pandas", value)
        return list(columns.encode(value, self.dtype, self.categories, lambda row: child(path, row)))

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`; records of one column, as MLEM 0.4 sends them, are accepted."""
        import pandas as pd

        if isinstance(payload, dict) and payload.keys() == {"values"}:
            payload, path = payload["values"], child(path, "values")
        if not isinstance(payload, list):
            raise mismatch(path, "a list of values", payload)
        if payload and set(map(type, payload)) == {dict} and self.dtype != "object":
            payload = _columns_of_records(payload, [str(self.name)], path)[0]
        return pd.Series(columns.decode(payload, self.dtype, self.categories, lambda row: child(path, row)), name=self.name)

    def rows(self, value: Any) -> int | None:
        """See `DataType.rows`."""
        return len(value)

    def join(self, values: Sequence[Any]) -> Any:
        """See `DataType.join`."""
        import pandas as pd

        return pd.concat(values, ignore_index=True)

    def part(self, value: Any, start: int, stop: int) -> Any:
        """See `DataType.part`."""
        return value.iloc[start:stop].reset_index(drop=True)

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        return {"pandas"}
