"""The shapes in which a table may be sent as JSON, split into columns.

==========================================  ============================================================================
shape                                       who sends it
==========================================  ============================================================================
``[{"a": 1, "b": 2}]``                      records: what we send; ``DataFrame.to_dict("records")``
``{"a": 1, "b": 2}``                        one record
``[[1, 2]]``                                rows, in the order of the columns
``{"a": [1], "b": [2]}``                    columns
``{"a": {"0": 1}, "b": {"0": 2}}``          ``DataFrame.to_json()``: columns by row label
``{"0": {"a": 1, "b": 2}}``                 ``DataFrame.to_json(orient="index")``: records by row label
``{"columns": ["a"], "data": [[1]]}``       ``orient="split"``; ``{"schema": ..., "data": [...]}``: ``orient="table"``
``{"values": [...]}``                       records, as MLEM 0.4 sends them
==========================================  ============================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any, Protocol

from mlem_model.data.types.base import Json, child, mismatch
from mlem_model.data.types.containers.mappings import wrong_key
from mlem_model.data.types.notes import note
from mlem_model.errors import DataError

Columns = dict[str, Sequence[Any]]


class PathOf(Protocol):
    """Says where a cell was in the payload."""

    def __call__(self, row: int, name: str) -> str:
        """Return its path."""


def split(payload: Json, names: Sequence[str], optional: Sequence[str], path: str) -> tuple[Columns, PathOf, int]:
    """Split a payload into columns.

    Args:
        payload: Parsed JSON.
        names: The names of the columns, in their order.
        optional: Those among them that need not be there; either every row has one, or none.
        path: Where the payload is.

    Returns:
        The columns that are there, where each cell was, and the number of rows.

    Raises:
        DataError: It has none of the shapes, or a column is missing.
    """
    if isinstance(payload, dict):
        return _split_object(payload, names, optional, path)
    if not isinstance(payload, list):
        raise mismatch(path, "a list of records", payload)
    kinds = set(map(type, payload))
    if kinds <= {dict}:
        return _records(payload, names, optional, path), lambda row, name: child(child(path, row), name), len(payload)
    if kinds == {list}:
        return _rows(payload, names, optional, path)
    if len(names) == 1 and not kinds & {list, dict}:
        return {names[0]: payload}, lambda row, name: child(path, row), len(payload)
    noun, kind = ("a list of values", list) if type(payload[0]) is list else ("a record, {column: value}", dict)
    wrong = next(row for row, items in enumerate(payload) if type(items) is not kind)
    raise mismatch(child(path, wrong), noun, payload[wrong])


def _split_object(
    payload: dict[str, Any], names: Sequence[str], optional: Sequence[str], path: str
) -> tuple[Columns, PathOf, int]:
    own = set(names)
    if payload.keys() == {"values"} and (own != {"values"} or _are_records(payload["values"])):
        return split(payload["values"], names, optional, child(path, "values"))
    if (
        "data" in payload
        and payload.keys() & {"columns", "schema"}
        and not payload.keys() & (own - {"columns", "data", "index", "schema"})
    ):
        return _split_orient(payload, names, optional, path)
    kinds = set(map(type, payload.values()))
    if not payload.keys() & own and kinds == {dict} and all(set(record) & own for record in payload.values()):
        keys = list(payload)
        records = _records(list(payload.values()), names, optional, path)
        return records, lambda row, name: child(child(path, keys[row]), name), len(keys)
    if payload.keys() & own and not kinds & {list, dict}:
        return _records([payload], names, optional, path), lambda row, name: child(path, name), 1
    _check_names(payload, names, optional, path)
    parts: Columns = {}
    present = [name for name in names if name in payload]
    for name in present:
        part = payload[name]
        if isinstance(part, dict):
            part = list(part.values())
        if not isinstance(part, list):
            raise mismatch(child(path, name), "a list of values", part)
        first = parts[present[0]] if parts else part
        if len(part) != len(first):
            raise DataError(child(path, name), f"{len(first)} values, as in {present[0]}", f"{len(part)} values")
        parts[name] = part
    return parts, lambda row, name: child(child(path, name), row), len(parts[present[0]]) if present else 0


def _split_orient(
    payload: Mapping[str, Any], names: Sequence[str], optional: Sequence[str], path: str
) -> tuple[Columns, PathOf, int]:
    data, where = payload["data"], child(path, "data")
    if "columns" not in payload or _are_records(data):
        return split(data, names, optional, where)
    columns = payload["columns"]
    if not isinstance(columns, list) or not isinstance(data, list):
        raise mismatch(path, "lists under columns and data", columns if isinstance(data, list) else data)
    labels = [str(tuple(column)) if isinstance(column, list) else str(column) for column in columns]
    wrong = next(
        (row for row, items in enumerate(data) if not isinstance(items, list) or len(items) != len(labels)), None
    )
    if wrong is not None:
        raise DataError(
            child(where, wrong), f"a list of {len(labels)} values, one for each of the columns", "something else"
        )
    of_index = labels_of_index(payload, names, labels)
    _check_names(dict.fromkeys(labels), names, [*optional, *of_index], path)
    parts: Columns = (
        {label: part for label, part in zip(labels, zip(*data, strict=True), strict=True) if label in names}
        if data
        else {}
    )
    index = payload.get("index")
    for name in of_index:
        parts[name] = index if isinstance(index, list) and len(index) == len(data) else []
    return parts or {name: [] for name in names}, lambda row, name: child(child(where, row), name), len(data)


def labels_of_index(payload: Mapping[str, Any], names: Sequence[str], labels: Sequence[str]) -> list[str]:
    """Return the name of the only column that is lacking where the payload has an index for it."""
    lacking = [name for name in names if name not in labels]
    return lacking if isinstance(payload.get("index"), list) and len(lacking) == 1 else []


def _rows(payload: list[Any], names: Sequence[str], optional: Sequence[str], path: str) -> tuple[Columns, PathOf, int]:
    required = [name for name in names if name not in optional]
    taken = list(names) if len(payload[0]) == len(names) else required
    wrong = next((row for row, items in enumerate(payload) if len(items) != len(taken)), None)
    if wrong is not None:
        raise DataError(
            child(path, wrong), f"{len(taken)} values, one for each column", f"{len(payload[wrong])} values"
        )
    parts: Columns = dict(zip(taken, zip(*payload, strict=True), strict=True))
    return parts, lambda row, name: child(child(path, row), taken.index(name)), len(payload)


def _are_records(payload: Json) -> bool:
    return isinstance(payload, list) and set(map(type, payload)) == {dict}


def _records(records: list[dict[str, Any]], names: Sequence[str], optional: Sequence[str], path: str) -> Columns:
    if not records:
        return {name: [] for name in names if name not in optional}
    taken = [name for name in names if name not in optional or name in records[0]]
    if not taken:
        return {}
    if set(map(len, records)) != {len(taken)}:
        for row, record in enumerate(records):
            _check_names(record, taken, (), child(path, row), more=names)
    try:
        rows = list(map(itemgetter(*taken), records))
    except KeyError:
        pass
    else:
        return {taken[0]: rows} if len(taken) == 1 else dict(zip(taken, zip(*rows, strict=True), strict=True))
    row = next(row for row, record in enumerate(records) if set(taken) - record.keys())
    raise wrong_key(child(path, row), taken, list(records[row]), "column")


def _check_names(
    found: Mapping[str, Any], names: Sequence[str], optional: Sequence[str], path: str, more: Sequence[str] = ()
) -> None:
    """Refuse a table that lacks a column, and note columns that the model does not know."""
    if any(name not in found for name in names if name not in optional):
        raise wrong_key(path, [name for name in names if name not in optional or name in found], list(found), "column")
    known = {*names, *more}
    for name in found:
        if name not in known:
            extra = wrong_key(path, list(names), [*names, name], "column")
            note(
                f"the column {json.dumps(name, ensure_ascii=False)[:80]} is not one of the model's, and was left out",
                extra,
            )
