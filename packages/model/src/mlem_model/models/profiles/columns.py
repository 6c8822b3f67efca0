"""The columns of what a method is called with, found in its JSON: each type of data has that form."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

from mlem_model.data.types.base import Json
from mlem_model.models.model import Method

MOST_COLUMNS = 100
"""Only so many columns of a call are looked at: each has a dozen numbers in the metrics."""
_LONGEST_NAME = 100
Columns = dict[str, list[Json]]


def columns_of_call(method: Method, values: Mapping[str, Any]) -> Columns:
    """Return the values of each column of a call.

    A column is what rows have at one place: a column of a table, a position in a list, a field of an object, a plain
    argument. Deeper ones, such as the pixels of images, are left out, and so are those beyond the first hundred.

    Args:
        method: What is called.
        values: The values by the names of its arguments.

    Returns:
        The values as JSON, None for a missing one, by the column's name. The argument's name is before it where there
        are several arguments.
    """
    found: Columns = {}
    alone = len(method.args) == 1
    for argument in method.args:
        if argument.name in values:
            payload = argument.data_type.encode(values[argument.name], argument.name)
            for name, column in _columns(payload).items():
                label = ".".join(part for part in ("" if alone and name else argument.name, name) if part)
                found[label[:_LONGEST_NAME]] = column
    return dict(islice(found.items(), MOST_COLUMNS))


def _columns(payload: Json) -> Columns:
    """Return the columns of the value of one argument; its only one has no name."""
    rows = payload if isinstance(payload, list) else [payload]
    if all(isinstance(row, dict) for row in rows):
        names = dict.fromkeys(str(name) for row in rows for name in islice(row, MOST_COLUMNS))
        columns = {name: [row.get(name) for row in rows] for name in islice(names, MOST_COLUMNS)}
    elif all(isinstance(row, list) for row in rows):
        width = min(max(map(len, rows), default=0), MOST_COLUMNS)
        columns = {str(at): [row[at] if at < len(row) else None for row in rows] for at in range(width)}
    else:
        columns = {"": list(rows)}
    return {name: column for name, column in columns.items() if not any(isinstance(v, list | dict) for v in column)}
