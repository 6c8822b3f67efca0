"""`DataFrameType`: a frame of pandas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from mlem_model.data.types.base import DataType, Json, child, mismatch, module_of
from mlem_model.data.types.containers.mappings import wrong_key
from mlem_model.data.types.index import Label, freq_of, is_default, labels_of, levels_of, make_index
from mlem_model.data.types.notes import note
from mlem_model.data.types.plain import scalars
from mlem_model.data.types.tables import columns
from mlem_model.data.types.tables.blocks.assembly import frame_of_parts
from mlem_model.data.types.tables.blocks.decoding import Grouped
from mlem_model.data.types.tables.columns import Categories
from mlem_model.data.types.tables.exact import ExactDtypes, only_dtype
from mlem_model.data.types.tables.labels import Labels, label_of
from mlem_model.data.types.tables.payloads import split
from mlem_model.errors import DataError

if TYPE_CHECKING:
    from mlem_model.data.types.any import (
        AnyDataType,
    )  # at run time mlem_model.data.types.any puts it into these classes, see there


class DataFrameType(DataType):
    """A frame of pandas.

    An index that only counts rows is not data, and does not travel. Any other is part of the frame: its levels are
    columns on the wire.

    Attributes:
        columns: Names of the columns, those of the index among them.
        dtypes: The dtype of each column.
        index_cols: Which of the columns are the index.
        categories: The values of the columns of dtype ``category``, by the name on the wire.
        items: The type of the values of columns of Python objects, by the name on the wire.
        index_names: The names of the index's levels where they are others than those of ``index_cols``: None for a
            level without one.
        index_optional: Whether the index may be left out of a request.
        index_freq: The frequency of an index of times.
        axis_names: The names of the levels of the columns, where they have some.
    """

    type: ClassVar[str] = "dataframe"
    later_fields: ClassVar[frozenset[str]] = frozenset(
        {"items", "index_names", "index_optional", "index_freq", "axis_names"}
    )
    columns: tuple[Label, ...]
    dtypes: tuple[str, ...]
    index_cols: tuple[Label, ...] = ()
    categories: dict[str, Categories] = Field(default_factory=dict)
    items: dict[str, AnyDataType] = Field(default_factory=dict)
    index_names: tuple[Label | None, ...] | None = None
    index_optional: bool = False
    index_freq: str | None = None
    axis_names: tuple[str | None, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(self.columns) != len(self.dtypes):
            raise ValueError(
                f"expected a dtype for each column, got {len(self.columns)} columns and {len(self.dtypes)} dtypes"
            )
        for dtype in self.dtypes:
            columns.check_dtype(dtype)
        return self

    @classmethod
    def of(cls, value: Any, infer: Callable[[Any], DataType]) -> Self | None:
        """See `DataType.of`."""
        if module_of(value) != "pandas" or type(value).__name__ != "DataFrame":
            return None
        labels = list(map(label_of, value.columns))
        index_cols = [] if is_default(value.index) else labels_of(value.index, labels)
        names = [str(label) for label in (*index_cols, *labels)]
        if len(set(names)) < len(names):
            twice = next(name for number, name in enumerate(names) if name in names[:number])
            raise DataError(
                "data",
                "columns with different names",
                f'two columns of the name "{twice}"',
                hint="name the columns: df.columns = [...]",
            )
        parts = [*(levels_of(value.index) if index_cols else ()), *(value.iloc[:, at] for at in range(len(labels)))]
        described = [
            columns.describe(part, child("data", name), infer) for name, part in zip(names, parts, strict=True)
        ]
        level_names = tuple(value.index.names)
        return cls(
            columns=(*index_cols, *labels),
            dtypes=tuple(dtype for dtype, _, _ in described),
            index_cols=tuple(index_cols),
            categories={name: found for name, (_, found, _) in zip(names, described, strict=True) if found},
            items={name: items for name, (_, _, items) in zip(names, described, strict=True) if items is not None},
            index_names=level_names if index_cols and level_names != tuple(index_cols) else None,
            index_freq=freq_of(value.index) if index_cols else None,
            axis_names=tuple(value.columns.names) if any(name is not None for name in value.columns.names) else (),
        )

    def parts(self) -> Sequence[DataType]:
        """See `DataType.parts`."""
        return tuple(self.items.values())

    def json_schema(self) -> dict[str, Any]:
        """See `DataType.json_schema`."""
        properties = {
            name: columns.schema(dtype, self.categories.get(name), self.items.get(name))
            for name, dtype in zip(self.names, self.dtypes, strict=True)
        }
        required = [name for name in properties if name not in self.optional_names]
        return {"type": "array", "items": {"type": "object", "properties": properties, "required": required}}

    @cached_property
    def names(self) -> list[str]:
        """The names of the columns on the wire."""
        return [str(name) for name in self.columns]

    @cached_property
    def labels(self) -> Labels:
        """The labels of the columns, those of the index left out."""
        labels = [label for label in self.columns if label not in self.index_cols]
        return Labels(labels, self._index_of(labels))

    @cached_property
    def block_dtype(self) -> str | None:
        """The dtype of all columns, where they are one array of numbers or booleans; None where they are not."""
        found = self.dtypes[0] if len(set(self.dtypes)) == 1 and not self.index_cols else ""
        return found if scalars.kind_of(found) in ("int", "float", "bool") and not self.axis_names else None

    def __copy__(self) -> Self:
        """Copy the fields: a copy may be given others, of which the rest is found out again."""
        copied = super().__copy__()
        for name in ("names", "labels", "block_dtype", "_uniform_dtype", "_exact", "_grouped"):
            copied.__dict__.pop(name, None)
        return copied

    def block_of(self, value: Any, path: str = "data") -> Any:
        """Return a value as one array, its columns in order, as `accept` does; for types that have a `block_dtype`.

        An array of the frame's own is not copied.
        """
        known = type(value).__name__ == "DataFrame" and module_of(value) == "pandas"
        exact = known and self.labels.are(value.columns) and self._is_exact(value)
        return (value if exact else self.accept(value, path)).to_numpy()

    @property
    def optional_names(self) -> list[str]:
        """The names of the columns that may be left out."""
        return [str(name) for name in self.index_cols] if self.index_optional else []

    def encode(self, value: Any, path: str = "data") -> Json:
        """See `DataType.encode`; records and rows convert.

        Returns:
            A list of records, ``{column: value}``.
        """
        value = self._frame_of(value, path)
        if self._uniform_dtype is not None and only_dtype(value) == self._uniform_dtype:
            block = scalars.encode_array(self._ordered(value, path).to_numpy(), path)
            return [dict(zip(self.names, row, strict=True)) for row in block]
        if not self.index_cols and self._exact.encodes:
            ordered = self._ordered(value, path)
            if self._is_exact(ordered):
                return [
                    dict(zip(self.names, row, strict=True))
                    for row in zip(*self._exact.encode(ordered, path), strict=True)
                ]
        series = self.flatten(value, path)
        parts = [
            columns.encode(part, dtype, self.categories.get(name), self.items.get(name), _cell(path, name))
            for name, dtype in zip(self.names, self.dtypes, strict=True)
            if (part := series.get(name)) is not None
        ]
        there = [name for name in self.names if name in series]
        return (
            [dict(zip(there, row, strict=True)) for row in zip(*parts, strict=True)]
            if parts
            else [{} for _ in range(len(value))]
        )

    def flatten(self, value: Any, path: str = "data") -> dict[str, Any]:
        """Return the columns of a frame by their names on the wire, those of its index among them.

        Raises:
            DataError: A column is missing.
        """
        found = self._flat(value, path)
        parts = {name: value.iloc[:, at] if isinstance(at, int) else at for name, at in found.items()}
        return {name: part.reset_index(drop=True) for name, part in parts.items()}

    def decode(self, payload: Json, path: str = "data") -> Any:
        """See `DataType.decode`.

        Args:
            payload: A table in one of the shapes of `mlem_model.data.types.tables.payloads`.
            path: Where the payload is.
        """
        import pandas as pd

        names = self.names
        parts, path_of, length = split(payload, names, self.optional_names, path)
        if self._uniform_dtype is not None:  # one block is an order of magnitude faster than a column at a time
            flat = list(chain.from_iterable(parts[name] for name in names))
            block = scalars.decode_flat(
                flat, self.dtypes[0], lambda index: path_of(index % length, names[index // length])
            )
            return self._labelled(pd.DataFrame(block.reshape(len(names), length).T))
        if not self.index_cols and length and self._grouped.decodes:
            decoded = self._grouped.decode(parts, length)
            if decoded is not None:
                return frame_of_parts(decoded, length, self.labels.index.view())
        series = {
            name: columns.decode(
                parts[name], dtype, self.categories.get(name), self.items.get(name), partial(path_of, name=name)
            )
            for name, dtype in zip(names, self.dtypes, strict=True)
            if name in parts
        }
        index_names = [str(name) for name in self.index_cols]
        frame = pd.DataFrame(
            {at: series[name] for at, name in enumerate(names) if name not in index_names}, index=pd.RangeIndex(length)
        )
        if index_names and all(name in series for name in index_names):
            levels = [pd.Series(series[name]) for name in index_names]
            frame.index = make_index(
                levels, self.index_cols if self.index_names is None else self.index_names, self.index_freq
            )
        return self._labelled(frame)

    def accept(self, value: Any, path: str = "data") -> Any:
        """See `DataType.accept`; columns of the right dtypes are not copied."""
        if module_of(value) != "pandas" or type(value).__name__ != "DataFrame" or self.index_cols or self.items:
            return super().accept(value, path)
        ordered = self._ordered(value, path)
        if not self._is_exact(ordered):
            return super().accept(value, path)
        same = ordered is value
        ordered = ordered.reset_index(drop=True)
        return ordered if same and not self.axis_names else self._labelled(ordered)

    @property
    def in_rows(self) -> bool:
        """See `DataType.in_rows`."""
        return not self.index_cols

    def rows(self, value: Any) -> int | None:
        """See `DataType.rows`."""
        return len(value) if self.in_rows else None

    def join(self, values: Sequence[Any]) -> Any:
        """See `DataType.join`.

        Raises:
            ValueError: A caller has a category that others have not: together they would be another column than alone.
        """
        import pandas as pd

        if self.categories and any(list(value.dtypes) != list(values[0].dtypes) for value in values):
            raise ValueError("the callers' columns have different categories")
        if self.block_dtype is not None:
            import numpy as np

            return pd.DataFrame(
                np.concatenate([value.to_numpy() for value in values]), columns=values[0].columns, copy=False
            )
        return pd.concat(values, ignore_index=True)

    def part(self, value: Any, start: int, stop: int) -> Any:
        """See `DataType.part`."""
        return value.iloc[start:stop].reset_index(drop=True)

    def without_index(self) -> DataFrameType:
        """Return the type of frames that have the same columns, and an index that is not data."""
        kept = [
            (name, dtype) for name, dtype in zip(self.columns, self.dtypes, strict=True) if name not in self.index_cols
        ]
        names = {str(name) for name, _ in kept}
        fields: Mapping[str, Any] = {
            "columns": tuple(name for name, _ in kept), "dtypes": tuple(dtype for _, dtype in kept), "index_cols": (),
            "categories": {name: found for name, found in self.categories.items() if name in names},
            "items": {name: found for name, found in self.items.items() if name in names},
            "index_names": None, "index_optional": False, "index_freq": None,
        }  # fmt: skip
        return self.model_copy(update=dict(fields))

    def requirements(self) -> set[str]:
        """See `DataType.requirements`."""
        arrow = {"pyarrow"} if any(dtype.startswith("arrow[") for dtype in self.dtypes) else set()
        return {"pandas"}.union(arrow, *(item.requirements() for item in self.items.values()))

    @cached_property
    def _uniform_dtype(self) -> str | None:
        """The dtype of all columns, where they are numbers of one dtype of numpy, and none is the index."""
        found = self.dtypes[0] if len(set(self.dtypes)) == 1 and not self.index_cols else ""
        return found if scalars.kind_of(found) in ("int", "float", "bool") else None

    @cached_property
    def _exact(self) -> ExactDtypes:
        return ExactDtypes(self.names, self.dtypes, self.categories)

    @cached_property
    def _grouped(self) -> Grouped:
        return Grouped(self.names, self.dtypes, self.categories, self.items)

    def _is_exact(self, ordered: Any) -> bool:
        """Whether the columns of a frame, in order, have the right dtypes: then no value needs a look."""
        if self._uniform_dtype is not None:
            return only_dtype(ordered) == self._uniform_dtype
        return "object" not in self.dtypes and self._exact.are_of(ordered)

    def _ordered(self, value: Any, path: str) -> Any:
        """Return a frame with its columns in order; itself where they are."""
        if self.labels.are(value.columns):
            return value
        found = self._flat(value, path)
        return value if tuple(value.columns) == self.columns else value.iloc[:, [found[name] for name in self.names]]

    def _frame_of(self, value: Any, path: str) -> Any:
        """Turn what stands for a frame into one."""
        if isinstance(value, list | dict):
            value = self.decode(value, path)
        elif module_of(value) == "numpy" and getattr(value, "ndim", 0) == 2:
            value = self.decode(value.tolist(), path)
        if module_of(value) != "pandas" or type(value).__name__ != "DataFrame":
            raise mismatch(path, "a frame of pandas", value)
        return value

    def _flat(self, value: Any, path: str) -> dict[str, Any]:
        """Return the position of each column by its name on the wire, and each level of the index as a series."""
        labels = list(value.columns)
        by_label = {label: at for at, label in enumerate(labels)}
        by_name = {str(label): at for at, label in enumerate(labels)}
        found: dict[str, Any] = {}
        for label in self.columns:
            at = by_label.get(label, by_name.get(str(label)))
            if at is not None:
                found[str(label)] = at
        missing = [name for name in map(str, self.index_cols) if name not in found]
        if missing:
            found.update(self._levels(value.index, missing))
        if len(found) < len(self.columns):
            lacking = [name for name in self.names if name not in found and name not in self.optional_names]
            if lacking:
                raise wrong_key(
                    f"{path}[0]",
                    [name for name in self.names if name not in self.optional_names],
                    [str(label) for label in labels],
                    "column",
                )
        if len(labels) > len(found) or any(str(label) not in found for label in labels):
            for label in labels:
                if str(label) not in found and label not in self.columns:
                    extra = wrong_key(f"{path}[0]", self.names, [*self.names, str(label)], "column")
                    note(f'the column "{str(label)[:80]}" is not one of the model\'s, and was left out', extra)
        return found

    def _levels(self, index: Any, missing: Sequence[str]) -> dict[str, Any]:
        """Return the levels of an index that the frame is to have.

        By their names, or by their places where there are as many.
        """
        names = list(self.index_cols if self.index_names is None else self.index_names)
        wanted = dict(zip(map(str, self.index_cols), names, strict=True))
        levels = levels_of(index)
        have = list(index.names)
        if (
            have == names
            and missing == [str(label) for label in self.index_cols]
            and any(name is not None for name in have)
        ):
            return dict(zip(missing, levels, strict=True))
        if all(wanted[name] is not None and wanted[name] in have for name in missing):
            return {name: levels[have.index(wanted[name])] for name in missing}
        if len(levels) == len(names) == len(missing) and all(name is None for name in names):
            return {} if self.index_optional and is_default(index) else dict(zip(missing, levels, strict=True))
        return {}

    def _labelled(self, frame: Any) -> Any:
        """Give a frame its labels: a frame whose columns are in order, those of the index left out."""
        frame.columns = self.labels.index.view()  # its names may be changed, its labels not
        return frame

    def _index_of(self, labels: list[Any]) -> Any:
        import pandas as pd

        if labels and all(isinstance(label, tuple) for label in labels):
            return pd.MultiIndex.from_tuples(labels, names=self.axis_names or None)
        return pd.Index(labels, name=self.axis_names[0] if self.axis_names else None) if labels else pd.RangeIndex(0)


def _cell(path: str, name: str) -> Callable[[int], str]:
    return lambda row: child(child(path, row), name)
