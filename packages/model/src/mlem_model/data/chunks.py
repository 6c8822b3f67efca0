"""Tables in parts: files of any length are read, and answers written, without ever being in memory as a whole."""

from __future__ import annotations

import contextlib
import gzip
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self, TypeVar, cast

from mlem_model.data.csv.layout import layout_of
from mlem_model.data.csv.table import write_csv
from mlem_model.data.csv.text import CsvForm
from mlem_model.data.dataset import STDIN, read_data, write_data
from mlem_model.data.formats.binary import is_table, to_arrow
from mlem_model.data.formats.files import checked_format, format_of, opened
from mlem_model.data.formats.raw import is_raw
from mlem_model.data.formats.reading import csv_reader, json_lines
from mlem_model.data.formats.writing import has_arrow, json_of, names_of
from mlem_model.data.types.any import DataFrameType, DataType
from mlem_model.errors import DataError, UserError
from mlem_model.objects.files import replacing, unusable
from mlem_model.objects.object import EXTENSION

ResultT = TypeVar("ResultT")


def read_parts(
    path: str,
    data_type: DataType,
    rows: int,
    *,
    format: str | None = None,
    form: CsvForm = CsvForm(),
    argument: str = "data",
) -> Iterator[Any]:
    """Yield the value of a method's argument in parts.

    CSV, JSON lines and Parquet are read part by part, as the parts are asked for; every other file is read as a whole.
    The parts together mean the same as the whole file.

    Args:
        path: A file, the name of saved data, or ``-`` for standard input.
        data_type: What the argument takes; its values have rows.
        rows: The most rows of a part.
        format: See `mlem_model.data.dataset.read_data`.
        form: See `mlem_model.data.dataset.read_data`.
        argument: See `mlem_model.data.dataset.read_data`.

    Raises:
        MlemError: See `mlem_model.data.dataset.read_data`.
    """
    kind = _streamed(path, data_type, format)
    if kind == "parquet" and isinstance(data_type, DataFrameType) and has_arrow():
        yield from _parquet_parts(Path(path), data_type, rows, argument)
        return
    if kind in ("csv", "tsv", "jsonl"):
        yield from _text_parts(path, kind, data_type, rows, form, argument)
        return
    value = read_data(path, data_type, format=format, form=form, argument=argument)
    count = data_type.rows(value)
    if count is None:
        raise UserError("this data has no rows, so it can't be divided", code="not-rowwise")
    for start in range(0, count, rows):
        yield data_type.part(value, start, min(start + rows, count))


def _streamed(path: str, data_type: DataType, format: str | None) -> str | None:
    """Return the format of a file that can be read part by part; None where the file has to be read as a whole."""
    if format is not None:
        kind = checked_format(format)
    elif path == STDIN or Path(f"{path}{EXTENSION}").is_file() or path.endswith(EXTENSION) or is_raw(data_type):
        return None
    else:
        kind = format_of(path)[0] or ""
    layout = layout_of(data_type) if kind in ("csv", "tsv") else None
    whole = kind not in ("csv", "tsv", "jsonl", "parquet") or (layout is not None and (layout.single or layout.untyped))
    return None if whole or (kind == "parquet" and path == STDIN) else kind


def _text_parts(path: str, kind: str, data_type: DataType, rows: int, form: CsvForm, argument: str) -> Iterator[Any]:
    source = "standard input" if path == STDIN else path
    with opened(path) as stream:
        if kind == "jsonl":
            parts = _several(json_lines(stream, form.encoding, source), rows)
        else:
            parts = csv_reader(kind, source, data_type, form, argument).parts(stream, rows)
        start = 0
        for part in parts:
            try:
                value = data_type.decode(part, argument)
            except DataError as error:
                raise _moved(error, argument, start) from error
            yield value
            start += len(part)


def _several(items: Iterator[Any], count: int) -> Iterator[list[Any]]:
    while part := list(islice(items, count)):
        yield part


def _moved(error: DataError, argument: str, rows: int) -> DataError:
    """Return the error of a row with its place in the whole file."""
    found = re.fullmatch(r"\[(\d+)\](.*)", error.path.removeprefix(argument), re.DOTALL)
    path = error.path if found is None else f"{argument}[{int(found[1]) + rows}]{found[2]}"
    return DataError(path, error.expected, error.got, hint=error.hint)


def _parquet_parts(path: Path, data_type: DataFrameType, rows: int, argument: str) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=rows):
                yield data_type.accept(batch.to_pandas(), argument)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: not valid parquet: {error}", code="bad-format") from error
    except OSError as error:
        raise unusable(path, error, "read") from error


class PartsWriter:
    """Writes answers part by part, to a file that is there as a whole or not at all.

    Args:
        path: The file. Parquet, CSV and JSON lines are written as the parts come; every other format at the end.
        data_type: What the parts are.
    """

    def __init__(self, path: Path, data_type: DataType) -> None:
        self._path = path
        self._data_type = data_type
        found, self._compressed = format_of(str(path), written=True)
        self._kind = found or "json"
        self._begun = False
        self._parts: list[Any] = []
        self._stack = contextlib.ExitStack()
        self._file: IO[bytes] | None = None
        self._parquet: Any = None

    def __enter__(self) -> Self:
        if self._kind == "parquet" and not is_table(self._data_type):
            known = ("csv", "json", "jsonl", "npy")
            raise UserError(
                f"a value of type {self._data_type.type} can't be written as parquet", code="bad-format", known=known
            )
        if self._kind in ("csv", "tsv", "jsonl", "parquet"):
            self._file = self._guarded(self._open)
        return self

    def _open(self) -> IO[bytes]:
        file = self._stack.enter_context(replacing(self._path))
        if not self._compressed:
            return file
        compressing = gzip.GzipFile(fileobj=file, mode="wb", filename="", mtime=0)
        self._stack.callback(compressing.close)
        return cast("IO[bytes]", compressing)

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
            file.write(b"".join(map(json_of, rows)))
            return
        file.write(
            write_csv(rows, names_of(self._data_type), "," if self._kind == "csv" else "\t", header=not self._begun)
        )
        self._begun = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
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
