"""Cells that are told apart by position: whether the first row has names all the same."""

from __future__ import annotations

from collections.abc import Sequence

from mlem_model.data.csv.cells import Style, is_value
from mlem_model.data.csv.first_row import (
    NAME,
    SAY_IT,
    Head,
    candidates,
    count_of,
    first_rows,
    is_numbered,
    other_separator,
    shown,
)
from mlem_model.data.csv.layout import Plain
from mlem_model.data.csv.text import CsvForm, Lines, Row, bad_header


def plain_head(lines: Lines, layout: Plain, form: CsvForm, source: str) -> Head:
    """Find out whether the first row has names; see `mlem_model.data.csv.header.find_head`."""
    if layout.flat:
        return _column_head(lines, layout, form, source)
    separator = _separator_for(lines, layout, form, source)
    first = lines.first_row(separator, source)
    cells, width = first.cells, layout.width
    rows_names = (
        bool(width) and len(cells) == (width or 0) + 1 and not cells[0] and _looks_like_names(cells[1:], layout, form)
    )
    if rows_names and form.header is not False:  # pandas and R write the names of the rows before them
        return Head(separator, cells, len(cells), skipped=1)
    if width is not None and len(cells) != width:
        raise bad_header(
            source, f"expected {count_of(width)}, got {len(cells)}", line=first.line, hint=other_separator(cells)
        )
    header = form.header if form.header is not None else _is_header(lines, first, layout, form, separator, source)
    return Head(separator, cells if header else None, len(cells))


def _separator_for(lines: Lines, layout: Plain, form: CsvForm, source: str) -> str:
    """Choose the first separator that gives a row the number of cells that it has to have."""
    separators = candidates(form)
    if layout.width is not None and layout.width > 1:
        for separator, first in first_rows(lines, separators, source).items():
            if len(first.cells) in (layout.width, layout.width + (not first.cells[0])):
                return separator
    return separators[0]


def _column_head(lines: Lines, layout: Plain, form: CsvForm, source: str) -> Head:
    separator = candidates(form)[0]
    if layout.name is not None and form.header is not False:
        for candidate, row in first_rows(lines, candidates(form), source).items():
            if len(row.cells) > 1 and row.cells.count(layout.name) == 1:
                separator = candidate
                break
    first = lines.first_row(separator, source)
    cells = first.cells
    if len(cells) > 1:
        return _wide_head(lines, layout, form, source, separator, first)
    header = form.header if form.header is not None else _is_header(lines, first, layout, form, separator, source)
    return Head(separator, cells if header else None, 1)


def _wide_head(lines: Lines, layout: Plain, form: CsvForm, source: str, separator: str, first: Row) -> Head:
    """Find the only column that counts among several."""
    cells = first.cells
    if form.header is not False and lines.has_second_row(separator, source):
        if layout.name is not None and cells.count(layout.name) == 1:
            return Head(separator, cells, len(cells), cells.index(layout.name))
        if len(cells) == 2 and not cells[0]:  # the names of the rows, which have none themselves, and the only column
            return Head(separator, cells, 2, 1)
    hint = "a text with a comma has to be in quotes" if layout.at(0).text else other_separator(cells)
    raise bad_header(source, f"expected one cell, got {len(cells)}: {shown(cells)}", line=first.line, hint=hint)


def _looks_like_names(cells: Sequence[str], layout: Plain, form: CsvForm) -> bool:
    style = Style(form.decimal)
    return is_numbered(cells) or all(
        NAME.match(cell) and (layout.at(position).text or not layout.at(position).fits(cell, style))
        for position, cell in enumerate(cells)
    )


def _is_header(lines: Lines, first: Row, layout: Plain, form: CsvForm, separator: str, source: str) -> bool:
    """Say whether the first row has names, judging by its cells: a cell that can't be a value is a name."""
    cells, style = first.cells, Style(form.decimal)
    alone = not lines.has_second_row(separator, source)
    if len(cells) == 1 and cells[0] == layout.name:
        return True
    if len(cells) == 1 and cells[0] in layout.other_names and not alone:
        if not layout.at(0).text:
            return True
        raise bad_header(source, f"{str(cells[0])!r} may be a name or a text", line=first.line, hint=SAY_IT)
    if (
        layout.numbered
        and not alone
        and (is_numbered(cells) or (len(cells) > 1 and not cells[0] and is_numbered(cells[1:])))
    ):
        # pandas writes these above columns that have no names
        raise bad_header(source, f"{shown(cells)} may be the columns' numbers or a row", line=first.line, hint=SAY_IT)
    telling = [(layout.at(position), cell) for position, cell in enumerate(cells) if not layout.at(position).text]
    fitting = [cell for reader, cell in telling if reader.fits(cell, style)]
    if not alone and fitting and all(len(cell) == 1 and cell.isalpha() for cell in fitting):
        raise bad_header(source, f"{shown(cells)} may be a name, or true and false", line=first.line, hint=SAY_IT)
    if layout.untyped or not telling or fitting or any(is_value(cell) for _, cell in telling):
        return False  # a row; a cell that does not fit is refused where it is read
    if all(NAME.match(cell) for cell in cells):
        return True
    hint = other_separator(cells) or SAY_IT
    raise bad_header(source, f"{shown(cells)} is neither a row of values nor of names", line=first.line, hint=hint)
