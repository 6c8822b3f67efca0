"""The first row of a table: how each separator splits it, and what it tells about the rest."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mlem_model.data.csv.cells import Style
from mlem_model.data.csv.text import SEPARATORS, CsvForm, Lines, Row
from mlem_model.errors import UserError

SAY_IT = "say whether the first row has names: --header or --no-header (media type: header=present, header=absent)"
NAME = re.compile(r"[^\W\d]")
"""How a name that can't be a value starts: with a letter."""


@dataclass(frozen=True)
class Head:
    """What the beginning of a table tells.

    Attributes:
        separator: The separator between two cells.
        names: The names in the first row; None where it has none.
        width: How many cells each row has; None for as many as the first.
        column: The position of the only column that counts, for a value of one column; None where all count.
        skipped: How many cells at the start of a row do not count: the names of the rows.
        columns: The names of the columns.
        style: How the rest is written.
    """

    separator: str
    names: list[str] | None
    width: int | None = None
    column: int | None = None
    skipped: int = 0
    columns: Sequence[str] = ()
    style: Style = Style()


def candidates(form: CsvForm) -> list[str]:
    """Return the characters that may separate cells, the likeliest first."""
    return [form.separator] if form.separator else [sign for sign in SEPARATORS if sign != form.decimal]


def first_rows(lines: Lines, separators: Sequence[str], source: str) -> dict[str, Row]:
    """Return the first row as each separator splits it; separators that make no valid row are left out.

    Raises:
        UserError: None of them makes a valid row.
    """
    found: dict[str, Row] = {}
    wrong: UserError | None = None
    for separator in separators:
        try:
            found[separator] = lines.first_row(separator, source)
        except UserError as error:
            wrong = wrong or error
    if not found and wrong is not None:
        raise wrong
    return found


def other_separator(cells: Sequence[str]) -> str | None:
    """Say which separator a table may have whose first row has one cell."""
    found = [separator for separator in SEPARATORS if len(cells) == 1 and separator in cells[0]]
    word = {"\t": "tab"}.get(found[0], found[0]) if found else ""
    return f"separated by {word!r}? --separator {word!r}" if found else None


def count_of(number: int) -> str:
    """Say how many cells."""
    return "1 cell" if number == 1 else f"{number} cells"


def shown(cells: Sequence[str]) -> str:
    """Return cells for a message."""
    words = ", ".join(repr(str(cell)[:40]) for cell in cells[:10])
    return words + (", ..." if len(cells) > 10 else "")


def is_numbered(cells: Sequence[str]) -> bool:
    """Say whether cells are 0, 1, 2 ..., which pandas writes for columns that have no names."""
    return [str(number) for number in range(len(cells))] == list(cells)
