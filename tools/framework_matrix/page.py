"""The page of the documentation, made of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from framework_matrix.answers import TOLERANCE
from framework_matrix.row import COLUMNS, Row

FILE = Path(__file__).parents[2] / "docs" / "explanation" / "frameworks-matrix.md"
HEADER = ("kind of model", "versions", "format", *COLUMNS, "run")

TEMPLATE = Path(__file__).with_name("page.md")


def table(rows: Iterable[Row]) -> str:
    """Return the rows as a table of Markdown."""
    lines = [_line(HEADER), _line(["---"] * len(HEADER))]
    lines += [_line(_cells(row)) for row in rows]
    return "\n".join(lines)


def page(rows: Iterable[Row]) -> str:
    """Return the whole page."""
    text = TEMPLATE.read_text(encoding="utf-8")
    return text.format(table=table(rows), tolerance=TOLERANCE)


def merged(kinds: Iterable[str], before: Mapping[str, Row], new: Mapping[str, Row]) -> list[Row]:
    """Return a row for each kind that was tried, the new ones before the earlier ones, in the order of the kinds."""
    rows = {**before, **new}
    return [rows[name] for name in kinds if name in rows]


def _cells(row: Row) -> Sequence[str]:
    versions = ", ".join(f"{name} {version}" for name, version in row.versions.items())
    return [row.name, versions, row.format, *(row.cells.get(column, "") for column in COLUMNS), row.date]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
