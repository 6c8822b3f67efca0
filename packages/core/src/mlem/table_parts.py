"""Tables in parts: files of any length are read, and answers written, without ever being in memory as a whole."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar

from mlem.csv_table import write_csv
from mlem.data import DataFrameType, DataType
from mlem.datasets import STDIN, read_data, write_data
from mlem.errors import UserError
from mlem.files import replacing, unusable
from mlem.wire import is_table, to_arrow

ResultT = TypeVar("ResultT")


def read_parts(path: str, data_type: DataType, rows: int, *, format: str | None = None) -> Iterator[Any]:
    """Yield the value of a method's argument in parts.

    Parquet files and JSON lines are read as they are asked for; every other file as a whole.

    Args:
        path: A file, the name of saved data, or ``-`` for standard input.
        data_type: What the argument takes; its values have rows.
        rows: The most rows of a part.
        format: See `mlem.datasets.read_data`.

    Raises:
        MlemError: See `mlem.datasets.read_data`.
    """
    if path != STDIN and isinstance(data_type, DataFrameType) and (format or Path(path).suffix.removeprefix(".").lower()) == "parquet":
        yield from _parquet_parts(Path(path), data_type, rows)
        return
    value = read_data(path, data_type, format=format)
    count = data_type.rows(value)
    if count is None:
        raise UserError("this data has no rows to divide it by", code="not-rowwise")
    for start in range(0, count, rows):
        yield data_type.part(value, start, min(start + rows, count))


def _parquet_parts(path: Path, data_type: DataFrameType, rows: int) -> Iterator[Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        value = read_data(path, data_type, format="parquet")
        yield from (data_type.part(value, start, start + rows) for start in range(0, len(value), rows))
        return
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=rows):
                yield data_type.accept(batch.to_pandas())
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: not valid parquet: {error}", code="bad-format") from error
    except OSError as error:
        raise unusable(path, error, "read") from error


class PartsWriter:
    """Writes answers part by part, to a file that is there as a whole or not at all.

    Args:
        path: The file. Parquet, CSV and JSON lines are written as the parts come; every other format in the end.
        data_type: What the parts are.
    """

    def __init__(self, path: Path, data_type: DataType) -> None:
        self._path = path
        self._data_type = data_type
        self._kind = path.suffix.removeprefix(".").lower()
        self._parts: list[Any] = []
        self._stack = contextlib.ExitStack()
        self._file: IO[bytes] | None = None
        self._parquet: Any = None

    def __enter__(self) -> Self:
        if self._kind == "parquet" and not is_table(self._data_type):
            known = ("csv", "json", "jsonl", "npy")
            raise UserError(f"a value of type {self._data_type.type} can't be written as parquet", code="bad-format", known=known)
        if self._kind in ("csv", "jsonl", "parquet"):
            self._file = self._guarded(lambda: self._stack.enter_context(replacing(self._path)))
        return self

    def write(self, part: Any) -> None:
        """Add a part.

        Raises:
            UserError: The format can't hold it.
        """
        if self._file is None:
            self._parts.append(part)
        else:
            file = self._file
            self._guarded(lambda: self._append(file, part))

    def _append(self, file: IO[bytes], part: Any) -> None:
        if self._kind == "parquet":
            import pyarrow.parquet as pq

            table = to_arrow(self._data_type, part)
            self._parquet = self._parquet or pq.ParquetWriter(file, table.schema)
            self._parquet.write_table(table)
            return
        rows = self._data_type.encode(part)
        if self._kind == "jsonl":
            file.write(b"".join((json.dumps(row, ensure_ascii=False) + "\n").encode() for row in rows))
            return
        text = write_csv(rows)
        file.write(text if file.tell() == 0 else text.partition(b"\n")[2])  # the names once

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        if self._file is None:
            if error is None and self._parts:
                write_data(self._data_type.join(self._parts), self._path)
            return
        if self._parquet is not None:
            self._parquet.close()
        self._guarded(lambda: self._stack.__exit__(kind, error, traceback))

    def _guarded(self, action: Callable[[], ResultT]) -> ResultT:
        try:
            return action()
        except OSError as error:
            raise unusable(self._path, error, "write") from error
