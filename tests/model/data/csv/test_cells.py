"""What the text of a cell becomes, by the type of its column."""

from __future__ import annotations

from typing import Any

import pytest

from mlem_model.data.csv.cells import Cells, Style, UnfitError, read_untyped
from mlem_model.data.csv.text import Quoted
from mlem_model.data.types.any import (
    DataFrameType,
    LiteralType,
    OptionalType,
    PrimitiveType,
    StandardType,
    UnionType,
    UnspecifiedType,
)

SCHEMAS: dict[str, dict[str, Any]] = {
    dtype: DataFrameType(columns=("c",), dtypes=(dtype,)).json_schema()["items"]["properties"]["c"]
    for dtype in ("int64", "Int64", "float64", "bool", "boolean", "str", "datetime64[ns]", "object")
}
TEXT, INT, FLOAT, BOOL = (PrimitiveType.model_validate({"ptype": ptype}) for ptype in ("str", "int", "float", "bool"))
REFUSED = object()


def read(schema: dict[str, Any], cell: str, style: Style = Style()) -> Any:
    try:
        return Cells(schema).read(cell, style)
    except UnfitError:
        return REFUSED


@pytest.mark.parametrize(
    "word", ["", "NA", "N/A", "#N/A", "NaN", "nan", "null", "NULL", "None", "<NA>", "NaT", "n/a", " NA "]
)
def test_the_words_for_a_missing_value_are_missing_where_one_may_be(word: str) -> None:
    for dtype in ("Int64", "float64", "boolean", "datetime64[ns]"):
        assert read(SCHEMAS[dtype], word) is None
    for dtype in ("int64", "bool"):
        assert read(SCHEMAS[dtype], word) is REFUSED
    assert read(SCHEMAS["str"], word) == (word or None)
    assert read(TEXT.json_schema(), word) == word


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True), ("True", True), ("TRUE", True), ("T", True), ("t", True), ("yes", True), ("1", True),
        ("false", False), ("False", False), ("FALSE", False), ("F", False), ("no", False), ("0", False),
        ("2", REFUSED), ("y", REFUSED), ("vrai", REFUSED), ("1.0", REFUSED),
    ],
)  # fmt: skip
def test_booleans(word: str, value: Any) -> None:
    assert read(SCHEMAS["bool"], word) is value


@pytest.mark.parametrize(
    ("word", "integer", "number"),
    [
        ("3", 3, 3.0), (" -3 ", -3, -3.0), ("+3", 3, 3.0), ("007", 7, 7.0), ("3.0", 3, 3.0), ("3.", 3, 3.0),
        ("1e3", 1000, 1000.0), ("9007199254740993.0", 9007199254740993, 9007199254740992.0), ("1e300", REFUSED, 1e300),
        ("3.5", REFUSED, 3.5), (".5", REFUSED, 0.5), ("1e999", REFUSED, REFUSED), ("inf", REFUSED, "Infinity"),
        ("-Infinity", REFUSED, "-Infinity"), ("1_000", REFUSED, REFUSED), ("1,5", REFUSED, REFUSED),
        ("1.000,5", REFUSED, REFUSED), ("0x10", REFUSED, REFUSED), ("\u0663", REFUSED, REFUSED),
        ("$5", REFUSED, REFUSED), ("5%", REFUSED, REFUSED), ("9" * 5000, REFUSED, REFUSED),
        ("1e999999999", REFUSED, REFUSED), ("true", REFUSED, REFUSED), ("=1+1", REFUSED, REFUSED),
    ],
)  # fmt: skip
def test_numbers(word: str, integer: Any, number: Any) -> None:
    assert read(SCHEMAS["int64"], word) == integer
    assert read(SCHEMAS["float64"], word) == number


@pytest.mark.parametrize("word", ["007", "true", "nan", "NA", "1", "=1+1", " blank ", "[1]", "{}", "None"])
def test_text_stays_text(word: str) -> None:
    for schema in (SCHEMAS["str"], TEXT.json_schema(), {"type": "string"}):
        assert read(schema, word) == word


@pytest.mark.parametrize(
    "schema",
    [SCHEMAS["object"], UnspecifiedType().json_schema(), UnionType(types=(TEXT, INT, FLOAT, BOOL)).json_schema()],
)
def test_a_column_of_texts_and_others_keeps_texts_and_refuses_what_may_be_either(schema: dict[str, Any]) -> None:
    assert [read(schema, word) for word in ("007", "true", "nan", "a", "+49", "12e3")] == [
        "007",
        "true",
        "nan",
        "a",
        "+49",
        "12e3",
    ]
    for word in ("7", "-1.5", "1e-05", "True", "FALSE", Quoted("7")):
        assert read(schema, word) is REFUSED


def test_listed_values_are_themselves() -> None:
    words = LiteralType(values=("fast", "1")).json_schema()
    assert [read(words, word) for word in ("fast", "1", "slow")] == ["fast", "1", "slow"]
    numbers = LiteralType(values=(1, 2.5, True)).json_schema()
    assert [read(numbers, word) for word in ("2.5", "true", "3")] == [2.5, True, REFUSED]
    assert read(LiteralType(values=(1, True)).json_schema(), "1") is REFUSED


def test_values_that_travel_as_text_are_left_to_their_type() -> None:
    assert read(StandardType(kind="Decimal").json_schema(), "1.10") == "1.10"
    assert read(StandardType(kind="date").json_schema(), "2024-02-29") == "2024-02-29"
    assert read(OptionalType(dtype=StandardType(kind="date")).json_schema(), "NA") is None
    assert read(StandardType(kind="date").json_schema(), "when") is REFUSED
    assert read(PrimitiveType(ptype="bytes").json_schema(), "YWI=") == "YWI="


def test_all_cells_at_once_are_each_by_itself() -> None:
    cells = ["1", "2.5", "", "1e999"]
    with pytest.raises(UnfitError) as caught:
        Cells(SCHEMAS["float64"]).read_all(cells, Style())
    assert caught.value.row == 3
    assert Cells(SCHEMAS["float64"]).read_all(cells[:3], Style()) == [1.0, 2.5, None]
    assert Cells(SCHEMAS["float64"]).read_all(["1", "-2e3"], Style()) == [1.0, -2000.0]
    assert Cells(SCHEMAS["int64"]).read_all(["1", "2.0"], Style()) == [1, 2]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "", "3"], [1, None, 3]),
        (["1", "2.5"], [1.0, 2.5]),
        (["1", "007"], ["1", "007"]),
        (["True", "false", "NA"], [True, False, None]),
        (["True", "1"], ["True", "1"]),
        ([Quoted("1"), "2"], ["1", "2"]),
        (["nan", "a"], ["nan", "a"]),
        (["", "NA"], [None, None]),
        (["1e5", "2"], ["1e5", "2"]),
        (["1e+05", "2"], [100000.0, 2.0]),
        (["inf", "1"], ["Infinity", 1.0]),
    ],
)
def test_a_column_of_which_nothing_is_known_is_what_all_its_cells_are(cells: list[str], values: list[Any]) -> None:
    assert repr(read_untyped(cells, Style())) == repr(values)  # 1 and 1.0 are told apart
