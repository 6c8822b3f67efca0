"""Values of many rows, converted a slice at a time.

What is needed between two forms of a value takes memory for one slice only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mlem_model.data.types.stopping import go_on
from mlem_model.errors import DataError

if TYPE_CHECKING:
    from mlem_model.data.types.base import DataType

SLICE_ROWS = 10_000
_ROW = re.compile(r"\[(\d+)\]")


def in_slices(data_type: DataType, value: Any, path: str, convert: Callable[[Any], Any]) -> Any:
    """Convert a value of many rows.

    Args:
        data_type: A type whose `DataType.in_rows` is true.
        value: What has a length and can be cut as values of the type can.
        path: Where it is, for messages.
        convert: Converts some rows.

    Raises:
        DataError: A row does not fit; its path has its place in the whole.
    """
    count = len(value)
    if count <= SLICE_ROWS:
        return convert(value)
    slices = (data_type.part(value, start, start + SLICE_ROWS) for start in range(0, count, SLICE_ROWS))
    parts = converted(data_type, slices, path, convert)
    try:
        return data_type.join(parts)
    except ValueError:  # categories that only some of the rows have
        return convert(value)


def converted(data_type: DataType, slices: Iterable[Any], path: str, convert: Callable[[Any], Any]) -> list[Any]:
    """Convert slices of one value, as long as somebody waits for it.

    Args:
        data_type: The value's type; its `DataType.in_rows` is true.
        slices: Some rows each.
        path: Where the whole is.
        convert: Makes a value of the type of a slice.

    Raises:
        DataError: A row does not fit; its path has its place in the whole.
        StoppedError: Nobody waits for it any more.
    """
    parts: list[Any] = []
    before = 0
    for one in slices:
        go_on()
        with _moved_down(path, before):
            parts.append(convert(one))
        before += data_type.rows(parts[-1]) or 0
    return parts


@contextmanager
def _moved_down(path: str, before: int) -> Iterator[None]:
    """Have errors name rows by their place in the whole.

    Args:
        path: Where the whole is.
        before: How many rows are before those that are converted.
    """
    try:
        yield
    except DataError as error:
        if not before:
            raise
        moved = path + _ROW.sub(lambda row: f"[{int(row[1]) + before}]", error.path.removeprefix(path), count=1)
        raise DataError(moved, error.expected, error.got, hint=error.hint) from error
