"""Tables as CSV: to and from the JSON of frames, arrays and lists."""

from __future__ import annotations

import csv
import io
from typing import Any

from mlem.data import DataFrameType, DataType, Json, NdarrayType
from mlem.errors import UserError


def write_csv(rows: list[Json]) -> bytes:
    """Write rows that are records, lists or single values.

    Raises:
        UserError: A cell has more than one value.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    first = rows[0] if rows else None
    if isinstance(first, dict):
        writer.writerow(first)
        writer.writerows([_cell(item) for item in row.values()] for row in rows)
    elif isinstance(first, list):
        writer.writerow(range(len(first)))
        writer.writerows([_cell(item) for item in row] for row in rows)
    else:
        writer.writerow(["value"])
        writer.writerows([_cell(item)] for item in rows)
    return text.getvalue().encode()


def _cell(item: Json) -> Any:
    if isinstance(item, list | dict):
        raise UserError("a nested value can't be written as csv", code="bad-format", hint="write json: -o answer.json")
    return item


def parse_csv(text: str, data_type: DataType | None, *, header_needed: bool = True) -> Json:
    """Read a table as the JSON of a value.

    Args:
        text: The table.
        data_type: What it is to become; the strings of a frame stay as they are written. None for records.
        header_needed: Whether the first row of a frame has to have the names of the columns; without them the order counts.

    Raises:
        ValueError: It has no rows, or rows of different lengths.
    """
    rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    if not rows:
        raise ValueError("no rows")
    strings = _string_columns(data_type)
    if not isinstance(data_type, DataFrameType) and data_type is not None and all(_is_number(cell) for cell in rows[0]):
        header: list[str] = []
    elif isinstance(data_type, DataFrameType) and not header_needed and set(rows[0]) != {str(name) for name in data_type.columns}:
        header = []
    else:
        header, rows = rows[0], rows[1:]
    width = len(header or rows[0])
    wrong = next((number for number, row in enumerate(rows, 2 if header else 1) if len(row) != width), None)
    if wrong is not None:
        raise ValueError(f"row {wrong} has not {width} cells")
    if isinstance(data_type, DataFrameType) and not header:
        named = [str(name) in strings for name in data_type.columns] if width == len(data_type.columns) else [False] * width
        return [[cell if exact and cell else _value(cell) for exact, cell in zip(named, row, strict=True)] for row in rows]
    if isinstance(data_type, DataFrameType) or data_type is None:
        return [{name: cell if name in strings and cell else _value(cell) for name, cell in zip(header, row, strict=True)} for row in rows]
    values = [[_value(cell) for cell in row] for row in rows]
    flat = width == 1 and not (isinstance(data_type, NdarrayType) and len(data_type.shape) > 1)
    return [row[0] for row in values] if flat else values


def _string_columns(data_type: DataType | None) -> set[str]:
    """Columns whose cells stay as they are written: ``007`` is no seven there."""
    if not isinstance(data_type, DataFrameType):
        return set()
    exact = {str(name) for name, dtype in zip(data_type.columns, data_type.dtypes, strict=True) if dtype.startswith(("str", "datetime"))}
    return exact | {name for name, found in data_type.categories.items() if all(isinstance(value, str) for value in found.values)}


def _is_number(cell: str) -> bool:
    return isinstance(_value(cell), int | float)


def _value(cell: str) -> Json:
    """Read a cell: empty is null; true and false are booleans; what Python reads as a number is one."""
    if not cell:
        return None
    if cell in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return cell[0] in "tT"
    for number in (int, float):
        try:
            return number(cell)
        except ValueError:
            continue
    return cell
