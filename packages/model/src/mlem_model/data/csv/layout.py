"""What a table has to look like for a value of a type: columns with names, or rows of cells without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlem_model.data.csv.cells import Cells
from mlem_model.data.types.any import (
    DataFrameType,
    DataType,
    NdarrayType,
    PolarsType,
    SeriesType,
    SparseType,
    UnspecifiedType,
)
from mlem_model.data.types.tables.columns import family_of
from mlem_model.data.types.tables.series import VALUE
from mlem_model.errors import UserError


@dataclass(frozen=True)
class Named:
    """A table whose columns have names.

    Attributes:
        columns: What reads the cells of each column, by name, in the order of the columns.
        required: The names that have to be there.
        rest: What reads the cells of any other column; None for texts, which the type may refuse.
        single: Whether the value is the only row.
        untyped: Whether nothing is known of the columns.
        index: The columns that a header has no name for, because they are an index without a name.
        other_names: Columns by other names that a header may have for them.
    """

    columns: Mapping[str, Cells]
    required: frozenset[str]
    rest: Cells | None = None
    single: bool = False
    untyped: bool = False
    index: tuple[str, ...] = ()
    other_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Plain:
    """A table whose cells are told apart by their position.

    Attributes:
        cells: What reads the cells of each position, the last for all that follow.
        width: How many cells a row has; None for any number.
        flat: Whether a row is its only cell, not a list.
        name: The name of its only column, where it has one.
        other_names: Other names that its only column may have.
        numbered: Whether a writer that has no names for the columns calls them 0, 1, 2, as pandas does.
        single: Whether the value is the only row.
        untyped: Whether nothing is known of the cells.
    """

    cells: Sequence[Cells]
    width: int | None = None
    flat: bool = False
    name: str | None = None
    other_names: frozenset[str] = field(default_factory=frozenset)
    numbered: bool = True
    single: bool = False
    untyped: bool = False

    def at(self, position: int) -> Cells:
        """Return what reads the cells of a position."""
        return self.cells[min(position, len(self.cells) - 1)]


Layout = Named | Plain


def layout_of(data_type: DataType | None, argument: str = "data") -> Layout:
    """Say what a table has to look like for a value of a type.

    Args:
        data_type: The type; None for any.
        argument: The name of the argument that the value is for.

    Raises:
        UserError: No table is a value of this type.
    """
    data_type = None if data_type is None else data_type.wire
    if data_type is None or isinstance(data_type, UnspecifiedType):
        return Named({}, frozenset(), untyped=True)
    if isinstance(data_type, DataFrameType):
        return _frame(data_type)
    if isinstance(data_type, SeriesType) and data_type.table is not None:
        return replace(_frame(data_type.table), other_names={"0": VALUE} if data_type.name is None else {})
    if isinstance(data_type, SparseType):  # a row of a table has all its values
        return Plain([Cells(data_type.json_schema()["items"]["additionalProperties"])], data_type.columns)
    schema = _there(data_type.json_schema())
    if schema.get("type") == "array" and "prefixItems" not in schema:
        items = _there(schema.get("items", {}))
        if items.get("type") == "object" and _is_flat(items):
            return _named(items)
        if items.get("type") == "array":
            return _matrix(items)
        if _is_cell(items):
            cells = [_column(data_type.dtype, items) if isinstance(data_type, SeriesType) else Cells(items)]
            names, arrays = frozenset({argument, "value"}), isinstance(data_type, NdarrayType | SeriesType)
            return Plain(
                cells, 1, flat=True, name=_name_of(data_type), other_names=names, numbered=arrays, untyped=not items
            )
    elif schema.get("type") == "object" and _is_flat(schema):
        return _named(schema, single=True)
    elif _is_cell(schema):
        return Plain([Cells(schema)], 1, flat=True, other_names=frozenset({argument, "value"}), single=True)
    raise UserError(f"a table can't hold a value of type {data_type.type}", code="bad-format", hint="send it as JSON")


def _name_of(data_type: DataType) -> str | None:
    """Return the name of a series."""
    if isinstance(data_type, PolarsType):
        return data_type.columns[0] or None
    return str(data_type.name) if isinstance(data_type, SeriesType) and data_type.name is not None else None


def _frame(data_type: DataFrameType) -> Named:
    items = data_type.json_schema()["items"]
    columns = {
        name: _column(dtype, items["properties"][name])
        for name, dtype in zip(data_type.names, data_type.dtypes, strict=True)
    }
    names = data_type.index_cols if data_type.index_names is None else data_type.index_names
    nameless = tuple(str(label) for label, name in zip(data_type.index_cols, names, strict=True) if name is None)
    return Named(columns, frozenset(items["required"]), index=nameless)


def _column(dtype: str, schema: Mapping[str, Any]) -> Cells:
    if family_of(dtype) in ("timedelta", "period"):  # their schema says text alone
        return Cells({"anyOf": [{"type": "string", "format": "duration"}, {"type": "null"}]})
    return Cells(schema)


def _there(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of a value that may be missing as a whole, where it is there."""
    members = [member for member in schema.get("anyOf", ()) if member != {"type": "null"}]
    return members[0] if len(members) == 1 else schema


def _is_cell(schema: Mapping[str, Any]) -> bool:
    """Say whether a cell has room for a value."""
    return schema.get("type") not in ("array", "object") and "prefixItems" not in schema


def _is_flat(schema: Mapping[str, Any]) -> bool:
    more = schema.get("additionalProperties")
    return bool(schema.get("properties")) or isinstance(more, Mapping)


def _named(schema: Mapping[str, Any], *, single: bool = False) -> Named:
    columns = {name: Cells(item) for name, item in schema.get("properties", {}).items()}
    more = schema.get("additionalProperties")
    rest = Cells(more) if isinstance(more, Mapping) else None
    return Named(columns, frozenset(schema.get("required", ())), rest, single=single)


def _matrix(items: Mapping[str, Any]) -> Plain:
    inner = _there(items.get("items") or {}) if "prefixItems" not in items else {}
    cells = [Cells(item) for item in items["prefixItems"]] if "prefixItems" in items else [Cells(inner)]
    if inner.get("type") in ("array", "object"):
        raise UserError(
            "a table can't hold values of more than two dimensions", code="bad-format", hint="send it as JSON"
        )
    least, most = items.get("minItems"), items.get("maxItems")
    width = len(cells) if "prefixItems" in items else least if least == most else None
    return Plain(cells, width, untyped="prefixItems" not in items and not inner)
