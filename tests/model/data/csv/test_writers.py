"""Tables that others write as CSV are read back equal, column by column, or refused.

Never differently without a word.
"""

from __future__ import annotations

import csv
import io
import math
from typing import Any

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from mlem_model.data.csv.table import CsvReader
from mlem_model.data.csv.text import CsvForm
from mlem_model.data.types.any import DataFrameType
from mlem_model.errors import UserError

Table = dict[str, list[Any]]

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(
    [
        "007",
        "true",
        "nan",
        "NA",
        "",
        "1",
        "a,b",
        'say "hi"',
        "two\nlines",
        "a\rb",
        " blank ",
        "=1+1",
        "x;y",
        "tab\there",
        "None",
        "-",
    ]
)
FLOATS = st.floats(allow_nan=False) | st.none()
COLUMNS: dict[str, tuple[str, st.SearchStrategy[Any]]] = {
    "str": ("str", TEXT | st.none()),
    "float64": ("float64", FLOATS),
    "int64": ("int64", st.integers(-(2**63), 2**63 - 1)),
    "bool": ("bool", st.booleans()),
}
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5) | st.sampled_from(
    ["", "a", "A", "a,b", 'q"', "new\nline", "x;y", "0", "1"]
)
QUOTING = st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])


@st.composite
def tables(draw: st.DrawFn) -> tuple[DataFrameType, Table]:
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    kinds = [draw(st.sampled_from(sorted(COLUMNS))) for _ in names]
    rows = draw(st.integers(1, 4))
    table = {
        name: draw(st.lists(COLUMNS[kind][1], min_size=rows, max_size=rows))
        for name, kind in zip(names, kinds, strict=True)
    }
    return DataFrameType(columns=tuple(names), dtypes=tuple(COLUMNS[kind][0] for kind in kinds)), table


def read(
    content: bytes, data_type: DataFrameType, form: CsvForm = CsvForm(), *, header_needed: bool = True
) -> Table | None:
    """Return the table, or None when it is refused."""
    reader = CsvReader(data_type, form, header_needed=header_needed)
    try:
        rows = reader.read(io.BytesIO(content))
        data_type.decode(rows)
    except UserError:
        return None
    parts = [row for part in reader.parts(io.BytesIO(content), 2) for row in part]
    assert parts == rows
    return {str(name): [_plain(row[str(name)]) for row in rows] for name in data_type.columns}


def _plain(value: Any) -> Any:
    return {"Infinity": math.inf, "-Infinity": -math.inf}.get(value, value) if isinstance(value, str) else value


def without_empty(table: Table) -> Table:
    """Return a table in which an empty text is a missing one: most writers write both alike."""
    return {name: [None if value == "" else value for value in values] for name, values in table.items()}


def by_csv(table: Table, **how: Any) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, **how)
    writer.writerow(table)
    writer.writerows(zip(*table.values(), strict=True))
    return text.getvalue()


def by_pandas(table: Table, data_type: DataFrameType, **how: Any) -> str:
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in table.items()})
    for name, dtype in zip(data_type.columns, data_type.dtypes, strict=True):
        if dtype != "str":
            frame[name] = frame[name].astype(dtype)
    return str(frame.to_csv(**how))


def by_r(
    table: Table, data_type: DataFrameType, *, separator: str = ",", decimal: str = ".", row_names: bool = True
) -> str:
    """Write as R's write.csv does: texts and names in quotes, NA, TRUE and FALSE, the names of the rows first."""

    def cell(value: Any) -> str:
        if value is None:
            return "NA"
        if isinstance(value, str):
            return '"' + value.replace('"', '""') + '"'
        if isinstance(value, bool):
            return str(value).upper()
        if isinstance(value, float):
            return {math.inf: "Inf", -math.inf: "-Inf"}.get(value, repr(value).replace(".", decimal))
        return str(value)

    lines = [[*(['""'] if row_names else []), *(cell(name) for name in table)]]
    for number, row in enumerate(zip(*table.values(), strict=True), 1):
        lines.append([*([f'"{number}"'] if row_names else []), *map(cell, row)])
    return "".join(separator.join(line) + "\n" for line in lines)


def by_excel(table: Table, *, separator: str) -> str:
    """Write as Excel does: CR LF, quotes where needed, an empty cell for nothing, TRUE and FALSE."""
    shown = {
        name: [str(value).upper() if isinstance(value, bool) else value for value in values]
        for name, values in table.items()
    }
    return by_csv(shown, dialect="excel", delimiter=separator)


@given(
    tables(),
    st.sampled_from([",", ";", "\t", "|"]),
    st.booleans(),
    QUOTING,
)
def test_what_pandas_writes_is_read_back(
    drawn: tuple[DataFrameType, Table], separator: str, index: bool, quoting: int
) -> None:
    data_type, table = drawn
    found = read(by_pandas(table, data_type, sep=separator, index=index, quoting=quoting).encode(), data_type)
    assert found is None or without_empty(found) == without_empty(table)


@given(tables(), st.sampled_from(["excel", "excel-tab", "unix"]), QUOTING)
def test_what_the_csv_module_writes_is_read_back(
    drawn: tuple[DataFrameType, Table], dialect: str, quoting: int
) -> None:
    data_type, table = drawn
    found = read(by_csv(table, dialect=dialect, quoting=quoting).encode(), data_type)
    assert found is None or without_empty(found) == without_empty(table)


@given(tables(), st.sampled_from([(",", "."), (";", ",")]), st.booleans())
def test_what_r_writes_is_read_back(drawn: tuple[DataFrameType, Table], how: tuple[str, str], row_names: bool) -> None:
    data_type, table = drawn
    content = by_r(table, data_type, separator=how[0], decimal=how[1], row_names=row_names).encode()
    assert read(content, data_type, CsvForm(decimal=how[1], empty="text")) in (None, table)
    assert read(content, data_type) in (None, table)


@given(tables(), st.sampled_from([(",", "utf-8-sig"), (";", "utf-8-sig"), ("\t", "utf-16")]))
def test_what_excel_writes_is_read_back(drawn: tuple[DataFrameType, Table], how: tuple[str, str]) -> None:
    data_type, table = drawn
    found = read(by_excel(table, separator=how[0]).encode(how[1]), data_type)
    assert found is None or without_empty(found) == without_empty(table)


@given(tables())
def test_invocations_read_names_and_rows_without_names_alike(drawn: tuple[DataFrameType, Table]) -> None:
    data_type, table = drawn
    named = by_csv(table, lineterminator="\n")
    names_again = [values[0] or "" for values in table.values()] == list(
        table
    )  # by the rule, such a row is one of names
    bare = named.partition("\n")[2] if "\n" not in "".join(table) and not names_again else None
    for content in (named, bare):
        if content:
            found = read(content.encode(), data_type, header_needed=False)
            assert found is None or without_empty(found) == without_empty(table)
