"""Whether the first row of a table has names, and which separator the table has.

Only the names and the types of the columns decide.
"""

from __future__ import annotations

import re
from dataclasses import replace

from mlem_model.data.csv.cells import Style
from mlem_model.data.csv.first_row import Head
from mlem_model.data.csv.layout import Layout, Named, Plain
from mlem_model.data.csv.names import named_head, untyped_head
from mlem_model.data.csv.positions import plain_head
from mlem_model.data.csv.text import SEPARATORS, CsvForm, Lines, Quoted, bad_csv

_SEP = re.compile(r"sep=(.)")


def find_head(
    lines: Lines, layout: Layout, form: CsvForm, source: str, path: str, *, header_needed: bool
) -> Head | None:
    """Look at the first row.

    Args:
        lines: The table.
        layout: What it has to be.
        form: What the caller says of it.
        source: Its name, for messages.
        path: Where its value goes, for messages.
        header_needed: Whether columns with names have to be named.

    Returns:
        What it says; None where there are no rows.

    Raises:
        UserError: It can't be told whether it has names, or it does not have those that it should.
    """
    if not _has_one_column(layout):
        lines.skip_blank_lines()
    form = _said_by_excel(lines, layout, form, source)
    if lines.is_empty():
        return None
    if isinstance(layout, Plain):
        head = plain_head(lines, layout, form, source)
    elif layout.untyped:
        head = untyped_head(lines, form, source, header_needed=header_needed)
    else:
        head = named_head(lines, layout, form, source, path, header_needed=header_needed)
    return replace(head, style=_style(head, form))


def _has_one_column(layout: Layout) -> bool:
    return layout.width == 1 if isinstance(layout, Plain) else len(layout.columns) == 1


def _said_by_excel(lines: Lines, layout: Layout, form: CsvForm, source: str) -> CsvForm:
    """Take the separator from a first line ``sep=;``, which Excel writes and reads."""
    found = _SEP.fullmatch(lines.first_line())
    if (
        found is None
        or (isinstance(layout, Plain) and layout.flat)
        or (isinstance(layout, Named) and found[0] in layout.columns)
    ):
        return form
    if form.separator not in (None, found[1]):
        raise bad_csv(source, f"it says {found[0]!r}, and the caller {form.separator!r}", line=1)
    lines.skip_line()
    return form.but(separator=found[1])


def _style(head: Head, form: CsvForm) -> Style:
    """Find out how texts are written: whether the names are in quotes, and whether they need them."""
    names = head.names or []
    if names and all(type(name) is Quoted for name in names):
        signs = "".join(SEPARATORS) if len(names) == 1 else head.separator  # one column does not show what separates it
        needed = re.compile(rf'["\r\n{re.escape(signs)}]')
        needless = any(not needed.search(name) and (name or len(names) > 1) for name in names)
        return Style(form.decimal, "missing" if needless else None, form.empty)
    # the only cell of a row is in quotes when it is empty, whatever that means: most readers take an empty line for no
    # row at all
    lone = len(names) == 1 or (head.names is None and head.width == 1)
    return Style(form.decimal, "text", form.empty or ("missing" if lone else "text"))
