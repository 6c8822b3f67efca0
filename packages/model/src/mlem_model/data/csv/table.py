"""Tables as CSV, to and from the JSON of frames, series, arrays, lists and records.

The command line, the server and files follow the same rules.

**Columns with names** (frames, lists of records, one record) are matched by their names, never by their position: the
first row has the names, exactly as they are, in any order. Names that resemble the columns' (``City`` for ``city``) are
refused. A table without names is read by position where the caller says so (``--no-header``, ``text/csv;
header=absent``), and on SageMaker's ``/invocations``, whose callers send none; there a first row with exactly the names
is taken for names, and one that resembles them in part is refused.

**One column** (series, lists, flat arrays): a row is a value. The first row is a name when it is the series' own name,
or when it can't be a value; ``value`` and the argument's name are names above numbers, and refused above texts.

(``0`` above a series or an array is refused: pandas writes it above one that has no name.)

**Several columns without names** (arrays of two dimensions, lists of lists): the first row has names when none of its
cells can be a value. A row of ``0``, ``1``, ``2`` ..., which pandas writes for names, is refused. A caller may always
say whether there are names: ``--header`` or ``--no-header``.

Cells without a name at the start of the first row (``,a,b``) belong to the names of the rows, which pandas and R write;
they are not columns.

**Separators** are found by the same names, or by the number of columns: ``,`` before ``;``, tab and ``|``. Every row
has as many cells as the first. An empty line is skipped where there are several columns; in one column it is an empty
cell, and refused at the end. What a cell becomes: `mlem_model.data.csv.cells`; how it is written:
`mlem_model.data.csv.text`. Nothing is executed or guessed: what these rules do not decide is refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any

from mlem_model.data.csv.cells import Cells, UnfitError, read_untyped
from mlem_model.data.csv.first_row import Head, count_of
from mlem_model.data.csv.header import find_head
from mlem_model.data.csv.layout import Layout, Named, Plain, layout_of
from mlem_model.data.csv.text import COMMA, CsvForm, Lines, Row, bad_csv, open_text
from mlem_model.data.types.any import DataType, Json
from mlem_model.data.types.base import child
from mlem_model.errors import DataError, UserError

_TEXT = Cells({"type": "string"})


@dataclass(frozen=True)
class CsvReader:
    """Reads a table.

    Attributes:
        data_type: The type that it is to become; None for records, or for lists where it has no names.
        form: What the caller says about how it is written.
        source: Its name, for messages.
        path: Where the value goes, for messages: the name of an argument.
        header_needed: Whether columns with names have to be named.
    """

    data_type: DataType | None = None
    form: CsvForm = CsvForm()
    source: str = "the table"
    path: str = "data"
    header_needed: bool = True

    def read(self, stream: IO[bytes]) -> Json:
        """Read the whole table.

        Returns:
            The JSON of a value of the type, for it to decode.

        Raises:
            UserError: It is not a table of this type, or that can't be decided.
            DataError: A cell is not a value that its column takes.
        """
        layout, parts = self._start(stream, None)
        payload = next(parts, [])
        if not layout.single:
            return payload
        if len(payload) != 1:
            raise bad_csv(self.source, f"expected one row, got {len(payload)}")
        return payload[0]

    def parts(self, stream: IO[bytes], rows: int) -> Iterator[list[Json]]:
        """Read it in parts, with the same meaning as the whole.

        Args:
            stream: The content.
            rows: The most rows of a part.

        Raises:
            UserError: See `read`; parts may have been yielded before it is raised.
        """
        layout, parts = self._start(stream, rows)
        if layout.single or layout.untyped:
            raise AssertionError("only values with rows of known types come in parts")
        yield from parts

    def _start(self, stream: IO[bytes], rows: int | None) -> tuple[Layout, Iterator[list[Json]]]:
        layout = layout_of(self.data_type, self.path)
        lines = Lines(open_text(stream, self.form.encoding, self.source))
        head = find_head(lines, layout, self.form, self.source, self.path, header_needed=self.header_needed)
        if head is None:
            raise UserError(f"{self.source} is empty", code="empty-data")
        return layout, self._parts(lines, layout, head, rows)

    def _parts(self, lines: Lines, layout: Layout, head: Head, rows: int | None) -> Iterator[list[Json]]:
        found = _even(lines.rows(head.separator, self.source), head, self.source)
        start = 0
        while part := list(islice(found, rows)):
            yield (
                self._columns(part, layout, head, start)
                if isinstance(layout, Named)
                else self._rows(part, layout, head, start)
            )
            start += len(part)

    def _columns(self, rows: Sequence[Row], layout: Named, head: Head, start: int) -> list[Json]:
        if head.names is None and layout.untyped:
            columns = [self._untyped(cells, rows, head) for cells in zip(*(row.cells for row in rows), strict=True)]
            return [list(row) for row in zip(*columns, strict=True)]
        names = [str(name) for name in head.columns or head.names or ()]
        table = list(zip(*(row.cells for row in rows), strict=True))
        found: dict[str, list[Json]] = {}
        for name, cells in list(zip(names, table, strict=True))[head.skipped :]:
            if layout.untyped:
                found[name] = self._untyped(cells, rows, head)
                continue
            reader = layout.columns.get(name) or layout.rest or _TEXT
            found[name] = self._read(
                reader, cells, rows, head, lambda row, name=name: child(child(self.path, start + row), name)
            )
        return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]

    def _rows(self, rows: Sequence[Row], layout: Plain, head: Head, start: int) -> list[Json]:
        table = list(zip(*(row.cells for row in rows), strict=True))
        if head.column is not None:
            table = [table[head.column]]
        columns: list[list[Json]] = []
        for position, cells in enumerate(table[head.skipped :]):
            if layout.untyped:
                columns.append(self._untyped(cells, rows, head))
                continue

            def path_of(row: int, position: int = position) -> str:
                path = child(self.path, start + row)
                return path if layout.flat else child(path, position)

            columns.append(self._read(layout.at(position), cells, rows, head, path_of))
        return columns[0] if layout.flat else [list(row) for row in zip(*columns, strict=True)]

    def _read(self, reader: Cells, cells: Sequence[str], rows: Sequence[Row], head: Head, path_of: Any) -> list[Json]:
        try:
            return reader.read_all(cells, head.style)
        except UnfitError as error:
            got = f"{str(cells[error.row])[:80]!r} in line {rows[error.row].line}"
            raise DataError(path_of(error.row), error.expected, got, hint=error.hint) from error

    def _untyped(self, cells: Sequence[str], rows: Sequence[Row], head: Head) -> list[Json]:
        try:
            return read_untyped(cells, head.style)
        except UnfitError as error:
            got = f"{str(cells[error.row])[:80]!r} in line {rows[error.row].line}"
            raise DataError(child(self.path, error.row), error.expected, got, hint=error.hint) from error


def _even(rows: Iterator[Row], head: Head, source: str) -> Iterator[Row]:
    """Yield the rows below the names; each must have the same number of cells."""
    if head.names is not None:
        next(rows)
    width = head.width or len(head.names or ())
    blank: list[Row] = []
    for number, row in enumerate(rows, 1 if head.names is None else 2):
        if row.cells == [""] and type(row.cells[0]) is str:
            blank.append(row)
            continue
        if width == 1:
            yield from blank
        blank = []
        if len(row.cells) != width:
            raise bad_csv(source, f"row {number}: expected {count_of(width)}, got {len(row.cells)} (line {row.line})")
        yield row
    if blank and width == 1:
        hint = 'remove it, or write "" for an empty cell'
        raise bad_csv(source, "an empty line, and no row follows", line=blank[0].line, hint=hint)


def write_csv(
    rows: list[Json], names: Sequence[str] | None = None, separator: str = COMMA, *, header: bool = True
) -> bytes:
    """Write rows that are records, lists or single values as pandas would: columns of lists are called 0, 1, 2.

    Args:
        rows: The JSON of a table.
        names: The names of its columns; those in the first record win; None makes names up.
        separator: The separator between two cells.
        header: Whether a row of names is written first.

    Raises:
        UserError: A cell has more than one value.
    """
    first = rows[0] if rows else None
    if isinstance(first, dict):
        names, table = list(first), [list(row.values()) for row in rows]
    elif isinstance(first, list):
        names, table = names or [str(number) for number in range(len(first))], rows
    else:
        names, table = names or ["value"], [[item] for item in rows]
    lone = len(names) == 1
    lines = [
        separator.join(_written(item, separator, lone) for item in row)
        for row in ([list(names)] if header else []) + table
    ]
    return "".join(line + "\n" for line in lines).encode()


def _written(item: Json, separator: str, lone: bool) -> str:
    """Write a cell.

    ``NA`` is in quotes, so that it is a text; so is an empty cell in a table of one column, whose line would be empty.
    """
    if isinstance(item, list | dict):
        raise UserError("a nested value can't be written as csv", code="bad-format", hint="write json: -o answer.json")
    if item is None:
        return '""' if lone else ""
    if not isinstance(item, str):
        return str(item)
    needed = item in ("", "NA") or any(sign in item for sign in ('"', "\r", "\n", separator))
    return '"' + item.replace('"', '""') + '"' if needed else item
