"""Columns with names: whether the first row has them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

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
from mlem_model.data.csv.layout import Named
from mlem_model.data.csv.text import CsvForm, Lines, Quoted, Row, bad_header
from mlem_model.data.types.any import wrong_key
from mlem_model.errors import UserError


def named_head(lines: Lines, layout: Named, form: CsvForm, source: str, path: str, *, header_needed: bool) -> Head:
    """Find the names in the first row; see `mlem_model.data.csv.header.find_head`."""
    separators = candidates(form)
    written = first_rows(lines, separators, source)
    firsts = {sign: _with_index(first, layout) for sign, first in written.items()}
    named = [separator for separator, first in firsts.items() if _has_names(first, layout)]
    if named and not (form.header is False and _are_numbers(firsts[named[0]], layout, form)):
        first = firsts[named[0]]
        if form.header is False:
            said = f"the first row has the names {shown(first.cells)}, but the caller says that there are none"
            raise bad_header(source, said, line=first.line, hint="leave out --no-header")
        if separators[0] not in named and any(firsts[one].cells != first.cells for one in named):
            said = f"the separator may be {' or '.join(map(repr, named))}"
            raise bad_header(source, said, line=first.line, hint="say which: --separator")
        _refuse_doubles(first, layout, source)
        if not header_needed and form.header is None and _may_be_values(first, layout, form):
            alone, numbers = not lines.has_second_row(named[0], source), _are_numbers(first, layout, form)
            if alone and numbers:
                return Head(
                    named[0], None, len(first.cells), columns=list(layout.columns)
                )  # nobody needs the answers to no rows
            if alone or numbers:
                raise bad_header(
                    source, f"{shown(first.cells)} may be column names or a row", line=first.line, hint=SAY_IT
                )
        skipped = 0 if "" in layout.columns else unnamed(first.cells)
        return Head(named[0], written[named[0]].cells, skipped=skipped, columns=first.cells)
    separator = _likeliest(firsts, layout)
    first = firsts[separator]
    if form.header is True or (header_needed and form.header is None):
        raise _no_names(first, layout, source, path)
    if form.header is None:
        _refuse_resembling(first, layout, source)
    names = _names_by_position(first, layout)
    if len(first.cells) != len(names):
        hint = other_separator(first.cells) or f"the columns are {', '.join(layout.columns)}"
        said = f"expected {count_of(len(names))}, one for each column, got {len(first.cells)}"
        raise bad_header(source, said, line=first.line, hint=hint)
    return Head(separator, None, len(names), columns=names)


def _with_index(first: Row, layout: Named) -> Row:
    """Give the first row the names of index columns without a name, which come first.

    Other columns get their own names in place of the other ones that a header may have for them.
    """
    cells = [layout.other_names.get(cell, cell) if cell not in layout.columns else cell for cell in first.cells]
    if layout.index and unnamed(cells) == len(layout.index) and not set(layout.index) & set(cells):
        cells = [*layout.index, *cells[len(layout.index) :]]
    return Row(first.line, cells)


def _names_by_position(first: Row, layout: Named) -> list[str]:
    """Return the columns of a table without names: optional columns are all there, or none of them."""
    every = list(layout.columns)
    return every if len(first.cells) == len(every) else [name for name in every if name in layout.required] or every


def _has_names(first: Row, layout: Named) -> bool:
    found = set(first.cells)
    return layout.required <= found and (
        bool(found & layout.columns.keys()) or (not layout.columns and layout.rest is not None)
    )


def _refuse_doubles(first: Row, layout: Named, source: str) -> None:
    known = layout.columns.keys() if layout.rest is None and not layout.untyped else set(first.cells)
    double = next(
        (name for number, name in enumerate(first.cells) if name in known and name in first.cells[:number]), None
    )
    if double is not None:
        raise bad_header(source, f"two columns are called {str(double)!r}", line=first.line)


def _may_be_values(first: Row, layout: Named, form: CsvForm) -> bool:
    """Say whether a row that fits as values may also be the names."""
    readers, style = list(layout.columns.values()), Style(form.decimal)
    return len(first.cells) == len(readers) and all(
        reader.fits(cell, style) for cell, reader in zip(first.cells, readers, strict=True)
    )


def _are_numbers(first: Row, layout: Named, form: CsvForm) -> bool:
    """Say whether the first row is 0, 1, 2, which may be names or a row of numbers."""
    return _may_be_values(first, layout, form) and not any(reader.text for reader in layout.columns.values())


def _key(name: str) -> str:
    """Return what is left of a name without case, blanks and punctuation."""
    return "".join(sign for sign in name.casefold() if sign.isalnum())


def _resembling(cells: Sequence[str], layout: Named) -> list[str]:
    """Return the cells that resemble the name of a column."""
    keys = {_key(name) for name in layout.columns} - {""}
    found = [cell for cell in cells if cell in layout.columns or _key(cell) in keys]
    if found or len(cells) != len(layout.columns):
        return found
    near = [difflib.get_close_matches(_key(cell), keys, n=1, cutoff=0.75) for cell in cells]
    return list(cells) if all(near) and len({match[0] for match in near}) == len(cells) else []


def _likeliest(firsts: Mapping[str, Row], layout: Named) -> str:
    """Choose the separator by which most cells resemble names, or by which there are as many cells as columns.

    In doubt it is the first.
    """
    count = len(layout.columns)
    return max(firsts, key=lambda one: (len(_resembling(firsts[one].cells, layout)), len(firsts[one].cells) == count))


def _refuse_resembling(first: Row, layout: Named, source: str) -> None:
    readers = list(layout.columns.values())
    alike = _resembling(first.cells, layout)
    if len(first.cells) == len(readers):  # where columns are called 0, 1, 2, a number among others is not a name
        values = [
            cell
            for cell, reader in zip(first.cells, readers, strict=True)
            if _is_number_name(cell, reader.fits(cell, Style()))
        ]
        alike = [cell for cell in alike if cell not in values]
    if alike:
        said = (
            f"the first row is neither the names of the columns ({', '.join(layout.columns)}) nor a row of values: "
            f"it has {shown(alike)}"
        )
        raise bad_header(source, said, line=first.line, hint=_hint_for(first.cells, layout) or SAY_IT)


def _is_number_name(cell: str, fits: bool) -> bool:
    return fits and cell.lstrip("-").isdigit()


def _hint_for(cells: Sequence[str], layout: Named) -> str | None:
    """Say which name was meant by the first cell that resembles one."""
    missing = [name for name in layout.columns if name not in cells]
    for cell in cells:
        if cell in layout.columns or not _key(cell):
            continue
        meant = next((name for name in missing if _key(name) == _key(cell)), None)
        near = [meant] if meant is not None else difflib.get_close_matches(cell, missing, n=1, cutoff=0.6)
        if near:
            return f'did you mean "{near[0]}"?'
    return None


def _no_names(first: Row, layout: Named, source: str, path: str) -> UserError:
    alike = _resembling(first.cells, layout)
    hint = _hint_for(first.cells, layout)
    if not alike and hint is None:
        names = ", ".join(list(layout.columns)[:50])
        said = f"expected a first row with the names of the columns ({names}), got {shown(first.cells)}"
        absent = "if the columns are in this order: --no-header (media type: header=absent)"
        return bad_header(source, said, line=first.line, hint=other_separator(first.cells) or absent)
    required = [name for name in layout.columns if name in layout.required]
    unknown = [str(cell) for cell in first.cells if cell not in layout.columns]
    near = [cell for cell in unknown if _hint_for([cell], _without(layout, first.cells))]
    got = [cell for cell in map(str, first.cells) if cell in layout.columns] + (near or unknown)[:1]
    error = wrong_key(f"{path}[0]", required if not unknown else list(layout.columns), got, "column")
    error.hint = hint or error.hint
    return error


def _without(layout: Named, cells: Sequence[str]) -> Named:
    return replace(layout, columns={name: reader for name, reader in layout.columns.items() if name not in cells})


def untyped_head(lines: Lines, form: CsvForm, source: str, *, header_needed: bool) -> Head:
    """Find the names of columns when nothing is known of them; see `mlem_model.data.csv.header.find_head`."""
    separator = candidates(form)[0]
    first = lines.first_row(separator, source)
    values = not header_needed and form.header is None and all(map(is_value, first.cells))
    if form.header is False or (values and not (is_numbered(first.cells) and lines.has_second_row(separator, source))):
        return Head(separator, None, len(first.cells))
    if form.separator is None and len(first.cells) == 1 and (hint := other_separator(first.cells)):
        raise bad_header(source, f"one column, {shown(first.cells)}", line=first.line, hint=hint)
    names = first.cells[unnamed(first.cells) :]
    numbers = next((name for name in names if type(name) is not Quoted and not NAME.match(name)), None)
    if form.header is None and (numbers is not None or not names):
        said = f"expected a first row with the names of the columns, got {shown(first.cells)}"
        raise bad_header(source, said, line=first.line, hint=SAY_IT)
    _refuse_doubles(Row(first.line, names), Named({}, frozenset(), untyped=True), source)
    if "" in names:
        raise bad_header(
            source, f"column {first.cells.index('', len(first.cells) - len(names)) + 1} has no name", line=first.line
        )
    return Head(separator, first.cells, skipped=len(first.cells) - len(names))


def unnamed(cells: Sequence[str]) -> int:
    """Count the cells without a name at the start of a header.

    Pandas and R write no name above the names of the rows.
    """
    return next((position for position, cell in enumerate(cells) if cell), len(cells))
