"""Tables in CSV: what the first row is, which column is which, and what is refused."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pytest

from mlem_model.data.csv.table import CsvReader, write_csv
from mlem_model.data.csv.text import CsvForm
from mlem_model.data.types.any import (
    DataFrameType,
    DataType,
    DictType,
    ListType,
    MappingType,
    NdarrayType,
    PrimitiveType,
    SeriesType,
    TupleType,
    infer,
)
from mlem_model.errors import DataError, UserError

TEXT, INT, FLOAT, BOOL = (PrimitiveType.model_validate({"ptype": ptype}) for ptype in ("str", "int", "float", "bool"))
PEOPLE = DataFrameType(columns=("name", "city"), dtypes=("str", "str"))
AGES = DataFrameType(columns=("name", "age"), dtypes=("str", "float64"))
NUMBERED = DataFrameType(columns=(0, 1), dtypes=("float64", "float64"))
TEXTS = ListType(dtype=TEXT)
MATRIX = NdarrayType(shape=(None, 2), dtype="float64")


def read(text: str | bytes, data_type: DataType | None, *, header_needed: bool = True, **form: Any) -> Any:
    content = text if isinstance(text, bytes) else text.encode()
    return CsvReader(data_type, CsvForm(**form), "x.csv", "X", header_needed).read(io.BytesIO(content))


def refused(
    text: str | bytes, data_type: DataType | None, *, header_needed: bool = True, **form: Any
) -> tuple[str, str, str | None]:
    with pytest.raises(UserError) as caught:
        read(text, data_type, header_needed=header_needed, **form)
    return caught.value.code, caught.value.message, caught.value.hint


ROW = [{"name": "Ann", "city": "Rome"}]


@pytest.mark.parametrize("header_needed", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "name,city\nAnn,Rome\n",
        "city,name\nRome,Ann\n",
        "name;city\nAnn;Rome\n",
        "city\tname\nRome\tAnn\n",
        "name|city\r\nAnn|Rome\r\n",
        '"name","city"\n"Ann","Rome"\n',
        '"","name","city"\n"1","Ann","Rome"\n',
        ",name,city\n0,Ann,Rome\n",
        "\nname,city\n\nAnn,Rome\n\n",
        "name,city\rAnn,Rome\r",
        "sep=;\r\nname;city\r\nAnn;Rome\r\n",
        "\ufeffname,city\nAnn,Rome",
        "name\tcity\r\nAnn\tRome\r\n".encode("utf-16"),
    ],
)
def test_columns_are_matched_by_their_names(text: str | bytes, header_needed: bool) -> None:
    assert read(text, PEOPLE, header_needed=header_needed) == ROW


def test_an_extra_column_is_left_to_the_type() -> None:
    assert read("id,name,city\n7,Ann,Rome\n", PEOPLE) == [{"id": "7", **ROW[0]}]


@pytest.mark.parametrize("header_needed", [True, False])
@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("City,Name\nRome,Ann\n", 'did you mean "city"?'),
        ("NAME,CITY\nAnn,Rome\n", 'did you mean "name"?'),
        ("name, city\nAnn,Rome\n", 'did you mean "city"?'),
        ("name,town\nAnn,Rome\n", None),
        ("naem,citi\nAnn,Rome\n", 'did you mean "name"?'),
        ("City;Name\nRome;Ann\n", 'did you mean "city"?'),
    ],
)
def test_names_that_are_like_the_columns_are_never_a_row(text: str, hint: str | None, header_needed: bool) -> None:
    code, _, said = refused(text, PEOPLE, header_needed=header_needed)
    assert code in ("bad-data", "bad-header")
    assert hint is None or said == hint


def test_a_table_without_names_is_read_by_position_only_where_somebody_said_so() -> None:
    assert refused("Ann,Rome\n", PEOPLE) == (
        "bad-header",
        "x.csv: line 1: expected a first row with the names of the columns (name, city), got 'Ann', 'Rome'",
        "if the columns are in this order: --no-header (media type: header=absent)",
    )
    assert read("Ann,Rome\n", PEOPLE, header=False) == ROW
    assert read("Ann,Rome\n", PEOPLE, header_needed=False) == ROW
    assert read("Ann;Rome\n", PEOPLE, header_needed=False) == ROW
    assert refused("name,city\nAnn,Rome\n", PEOPLE, header=False)[0] == "bad-header"
    assert refused("Ann,Rome\n", PEOPLE, header=True)[0] == "bad-header"
    assert (
        refused("Ann,Rome,7\n", PEOPLE, header_needed=False)[1]
        == "x.csv: line 1: expected 2 cells, one for each column, got 3"
    )


def test_a_first_row_that_does_not_fit_the_types_is_no_row() -> None:
    code, message, _ = refused("Nom,Years\nAnn,41\n", AGES, header_needed=False)
    assert (code, message) == ("bad-data", "X[0].age: expected a number, got 'Years' in line 1")


def test_columns_called_by_numbers_are_told_from_a_row_or_refused() -> None:
    assert read("1,0\n5,6\n", NUMBERED) == [{"1": 5.0, "0": 6.0}]
    assert read("0,7\n5,6\n", NUMBERED, header_needed=False) == [{"0": 0.0, "1": 7.0}, {"0": 5.0, "1": 6.0}]
    assert read("0,1\n", NUMBERED, header_needed=False) == [{"0": 0.0, "1": 1.0}]
    assert refused("0,1\n5,6\n", NUMBERED, header_needed=False)[0] == "bad-header"
    assert read("0,1\n5,6\n", NUMBERED, header_needed=False, header=True) == [{"0": 5.0, "1": 6.0}]
    assert read("0,1\n5,6\n", NUMBERED, header_needed=False, header=False) == [
        {"0": 0.0, "1": 1.0},
        {"0": 5.0, "1": 6.0},
    ]


def test_a_column_that_is_there_twice_is_refused() -> None:
    assert refused("name,city,name\nAnn,Rome,Bo\n", PEOPLE)[1] == "x.csv: line 1: two columns are called 'name'"


def test_a_list_of_texts_has_as_many_items_as_the_file_has_lines() -> None:
    assert read("good\nbad\nugly\n", TEXTS) == ["good", "bad", "ugly"]
    assert read("007\ntrue\nnan\n", TEXTS) == ["007", "true", "nan"]
    assert read("a\n\nb\n", TEXTS) == ["a", "", "b"]
    assert read('"one, two"\n"three\nfour"\n"say ""hi"""\n', TEXTS) == ["one, two", "three\nfour", 'say "hi"']
    assert read("good\nbad\n", TEXTS, header=True) == ["bad"]
    assert read("X\nbad\n", TEXTS, header=False) == ["X", "bad"]


@pytest.mark.parametrize("text", ["X\ngood\n", "value\ngood\n", "one, two\nthree\n", "a\n\n", ",a\nb\n", ",a\n"])
def test_a_text_that_may_be_a_name_or_two_cells_is_refused(text: str) -> None:
    assert refused(text, TEXTS)[0] in ("bad-header", "bad-csv")


@pytest.mark.parametrize(
    ("text", "data_type", "values"),
    [
        ("a\n1\n2\n", ListType(dtype=INT), [1, 2]),
        ("1\n2.0\n3\n", ListType(dtype=INT), [1, 2, 3]),
        ("value\n0.5\nNA\n", ListType(dtype=FLOAT), [0.5, None]),
        ("X\n0.5\n", ListType(dtype=FLOAT), [0.5]),
        ("0.5\n\n1\n", ListType(dtype=FLOAT), [0.5, None, 1.0]),
        ("0\n1\n", ListType(dtype=INT), [0, 1]),
        ("0\n1\n", ListType(dtype=BOOL), [False, True]),
        ("0\ngood\n", TEXTS, ["0", "good"]),
        ("0\n", SeriesType(dtype="float64"), [0.0]),
        ("true\n0\nF\nYES\n", ListType(dtype=BOOL), [True, False, False, True]),
        ("review\ngood\n", SeriesType(dtype="str", name="review"), ["good"]),
        ("good\nbad\n", SeriesType(dtype="str", name="review"), ["good", "bad"]),
        ("id;review\n1;good\n", SeriesType(dtype="str", name="review"), ["good"]),
        (",0\n0,good\n1,007\n", SeriesType(dtype="str"), ["good", "007"]),
        ("a\n\nNA\n", SeriesType(dtype="str"), ["a", None, "NA"]),
        ("007\nnan\n", NdarrayType(shape=(None,), dtype="str"), ["007", "nan"]),
        ("1.5\n2\n", NdarrayType(shape=(None,), dtype="float64"), [1.5, 2.0]),
        ("2024-01-01\n", infer([pd.Timestamp("2024-01-01").date()]), ["2024-01-01"]),
    ],
)
def test_one_column_is_a_list_of_its_cells(text: str, data_type: DataType, values: list[Any]) -> None:
    assert read(text, data_type) == values


@pytest.mark.parametrize("text", ["1,5\n", "1;2\n", "$5\n2\n", "t\ntrue\n"])
def test_a_number_or_boolean_that_can_not_be_told_from_a_name_is_refused(text: str) -> None:
    for item in (INT, FLOAT, BOOL):
        assert refused(text, ListType(dtype=item))[0] in ("bad-header", "bad-data", "bad-csv")


def test_a_series_or_an_array_below_a_nought_may_be_one_of_pandas_without_a_name() -> None:
    for data_type in (
        SeriesType(dtype="float64"),
        SeriesType(dtype="str"),
        NdarrayType(shape=(None,), dtype="float64"),
    ):
        assert refused("0\n1\n", data_type)[0] == "bad-header"
        assert read("0\n1\n", data_type, header=True) in ([1.0], ["1"])


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (",2\n3,4\n", [[None, 2.0], [3.0, 4.0]]),
        ("NA,2\n", [[None, 2.0]]),
        ("NA,nan\n3,4\n", [[None, None], [3.0, 4.0]]),
        ("a,b\n1,2\n", [[1.0, 2.0]]),
        ("inf,-Inf\n", [["Infinity", "-Infinity"]]),
        ("0,1\n", [[0.0, 1.0]]),
        ("0.0,1.0\n2,3\n", [[0.0, 1.0], [2.0, 3.0]]),
        ("1;2\n3;4\n", [[1.0, 2.0], [3.0, 4.0]]),
        ("1\t2\n", [[1.0, 2.0]]),
        (",0,1\n0,5,6\n1,7,8\n", [[5.0, 6.0], [7.0, 8.0]]),
        ('"","a","b"\n"1",5,6\n', [[5.0, 6.0]]),
    ],
)
def test_a_matrix_has_names_only_where_no_cell_is_a_value(text: str, rows: list[Any]) -> None:
    assert read(text, MATRIX) == rows


@pytest.mark.parametrize(
    "text", ["0,1\n2,3\n", "1,a\n2,3\n", "a,1\n2,3\n", "1,2\n3\n", "1,2,3\n", "true,false\n1,2\n", "2a,3b\n1,2\n"]
)
def test_a_matrix_whose_first_row_is_neither_is_refused(text: str) -> None:
    assert refused(text, MATRIX)[0] in ("bad-header", "bad-data", "bad-csv")


def test_records_and_rows_of_lists_are_tables_too() -> None:
    records = ListType(dtype=DictType(items={"a": TEXT, "b": INT}))
    assert read("b,a\n1,007\n", records) == [{"b": 1, "a": "007"}]
    assert read("b,a\n1,007\n", records.dtype) == {"b": 1, "a": "007"}
    assert refused("b,a\n1,007\n2,x\n", records.dtype)[0] == "bad-csv"
    assert read("p,q\n1,2\n", ListType(dtype=MappingType(value=INT))) == [{"p": 1, "q": 2}]
    assert read("007,1\n", ListType(dtype=TupleType(items=(TEXT, INT)))) == [["007", 1]]
    assert read("1,2\n3,4\n", ListType(dtype=ListType(dtype=FLOAT))) == [[1.0, 2.0], [3.0, 4.0]]
    assert refused("1,2\n", infer([[[1]]]))[0] == "bad-format"


def test_columns_of_which_nothing_is_known_are_what_all_their_cells_are() -> None:
    text = 'id,n,x,t,b,q,e\n007,1,1.5,a,true,"1",\n008,,2,1,FALSE,"2",\n'
    assert read(text, None) == [
        {"id": "007", "n": 1, "x": 1.5, "t": "a", "b": True, "q": "1", "e": None},
        {"id": "008", "n": None, "x": 2.0, "t": "1", "b": False, "q": "2", "e": None},
    ]
    assert read(",b,a\n0,1,5\n", None) == [{"b": 1, "a": 5}]
    assert read("1,2\n3,4\n", None, header=False) == [[1, 2], [3, 4]]
    assert read("1,2\n3,4\n", None, header_needed=False) == [[1, 2], [3, 4]]
    assert read("b,a\n1,5\n", None, header_needed=False) == [{"b": 1, "a": 5}]
    assert refused("0,1\n3,4\n", None, header_needed=False)[0] == "bad-header"
    for wrong in ("1,2\n3,4\n", "a,a\n1,2\n", "a;b\n1;2\n", "a,,b\n1,2,3\n"):
        assert refused(wrong, None)[0] == "bad-header"


@pytest.mark.parametrize(
    ("index", "rows"),
    [
        (pd.Index([100, 200]), [{"index": 100, "v": 1.0}, {"index": 200, "v": 2.0}]),
        (pd.Index(["p", "q"], name="id"), [{"id": "p", "v": 1.0}, {"id": "q", "v": 2.0}]),
        (
            pd.MultiIndex.from_tuples([("p", 1), ("q", 2)]),
            [{"level_0": "p", "level_1": 1, "v": 1.0}, {"level_0": "q", "level_1": 2, "v": 2.0}],
        ),
        (pd.RangeIndex(2), [{"v": 1.0}, {"v": 2.0}]),
    ],
)
def test_the_index_that_pandas_writes_is_the_index(index: Any, rows: list[Any]) -> None:
    frame = pd.DataFrame({"v": [1.0, 2.0]}, index=index)
    assert read(frame.to_csv(), infer(frame)) == rows
    pd.testing.assert_frame_equal(infer(frame).decode(rows), frame)
    series = frame["v"].rename(None)
    pd.testing.assert_series_equal(infer(series).decode(read(series.to_csv(), infer(series))), series)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,age\nAnn,1\nBo\n", "x.csv: not valid csv: row 3: expected 2 cells, got 1 (line 3)"),
        ('name,age\n"A\nB",1\nBo\n', "x.csv: not valid csv: row 3: expected 2 cells, got 1 (line 4)"),
        (
            'name,age\nAnn 5" ,1\n',
            "x.csv: not valid csv: line 2: a quote within 'Ann 5\" ': "
            "a cell with a quote has to be in quotes, and the quote doubled",
        ),
        (
            'name,age\n"Ann" x,1\n',
            "x.csv: not valid csv: line 2: ' x,1' follows a closing quote: "
            "a cell with a quote has to be in quotes, and the quote doubled",
        ),
        ('name,age\n"Ann,1\nBo,2\n', "x.csv: not valid csv: line 2: a quote is opened here and never closed"),
        ("name,age\nAn\0n,1\n", "x.csv: not valid csv: line 2: a NUL byte"),
        (
            "name,age\nAnn,1\r\n",
            "x.csv: not valid csv: line 2: the line ends with CR LF, the lines before with LF: "
            "a line end within a cell has to be in quotes",
        ),
        ("", "x.csv is empty"),
    ],
)
def test_what_breaks_the_grammar_is_named_with_its_line(text: str, message: str) -> None:
    assert refused(text, AGES)[1] == message


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name,age\nÄnn,1\n".encode("latin-1"), "x.csv is not in UTF-8: byte 0xc4 at 9 (line 2)"),
        (b"name,age\n" + b"Ann,1\n" * 50_000 + b"\xe9,1\n", "x.csv is not in UTF-8: byte 0xe9 at 300009 (line 50002)"),
        ("name,age\n".encode("utf-16-le"), "x.csv: not valid csv: line 1: a NUL byte"),
        (b"PK\x03\x04rest", "x.csv is a zip archive, such as an Excel workbook, not text"),
        (b"\x1f\x8b\x08\0", "x.csv is compressed by gzip, not text"),
    ],
)
def test_what_is_not_the_text_that_it_should_be_is_named(content: bytes, message: str) -> None:
    assert refused(content, AGES)[1] == message


def test_an_encoding_is_read_when_it_is_said() -> None:
    assert read("name,age\nÄnn,1\n".encode("latin-1"), AGES, encoding="iso8859-1") == [{"name": "Änn", "age": 1.0}]
    assert read("name,age\nÄnn,1\n".encode("utf-16-le"), AGES, encoding="utf-16-le") == [{"name": "Änn", "age": 1.0}]
    assert refused("\ufeffname,age\nÄnn,1\n".encode(), AGES, encoding="iso8859-1")[0] == "bad-csv"


def test_a_decimal_comma_is_read_when_it_is_said() -> None:
    assert read("name;age\nAnn;1,5\n", AGES, decimal=",") == [{"name": "Ann", "age": 1.5}]
    assert refused("name;age\nAnn;1,5\n", AGES) == (
        "bad-data", "X[0].age: expected a number, got '1,5' in line 2",
        'a decimal comma? --decimal , (media type: decimal=",")',
    )  # fmt: skip
    assert refused("name;age\nAnn;1.000,5\n", AGES, decimal=",")[0] == "bad-data"


def test_an_empty_text_and_a_missing_one_are_told_apart_or_refused() -> None:
    plain = 'name,age\n"",1\n,2\nNA,3\n'
    assert [row["name"] for row in read(plain, AGES)] == ["", None, "NA"]
    from_r = '"name","age"\n"a",1\nNA,2\n"NA",3\n'
    assert [row["name"] for row in read(from_r, AGES)] == ["a", None, "NA"]
    all_quoted = '"name","age"\n"","1"\n'
    assert refused(all_quoted, AGES)[0] == "bad-data"
    assert [read(all_quoted, AGES, empty=empty)[0]["name"] for empty in ("text", "missing")] == ["", None]


def test_what_a_caller_says_is_checked() -> None:
    said = CsvForm.of({"header": "absent", "charset": "ISO-8859-1", "separator": "tab", "decimal": None})
    assert said == CsvForm(header=False, encoding="iso8859-1", separator="\t")
    for wrong in (
        {"header": "maybe"},
        {"charset": "klingon"},
        {"charset": "idna"},
        {"separator": "ab"},
        {"decimal": "x"},
        {"haeder": "absent"},
    ):
        with pytest.raises(UserError):
            CsvForm.of(wrong)


def test_errors_of_cells_have_the_place_in_the_value_and_in_the_file() -> None:
    with pytest.raises(DataError) as caught:
        read('name,age\n"two\nlines",1\nBo,x\n', AGES)
    assert (caught.value.path, caught.value.expected, caught.value.got) == ("X[1].age", "a number", "'x' in line 4")


def test_a_table_of_millions_of_quotes_takes_no_longer_than_its_length() -> None:
    assert refused('name,age\n"' + "\n" * 1_000_000, AGES)[0] == "bad-csv"
    assert refused("name,age\n" + '"' * 1_000_001, AGES)[0] == "bad-csv"
    assert len(read('name,age\n"' + '""' * 500_000 + '",1\n', AGES)[0]["name"]) == 500_000


def test_tables_are_written_so_that_they_are_read() -> None:
    rows = [
        {"name": "", "age": 1.0},
        {"name": None, "age": None},
        {"name": "NA", "age": 2.5},
        {"name": 'a,"b"\r\n', "age": 0.0},
    ]
    assert read(write_csv(rows), AGES) == rows
    assert write_csv([], ["a", "b"]) == b"a,b\n"
    assert write_csv([["x", 1]], separator=";", header=False) == b"x;1\n"
