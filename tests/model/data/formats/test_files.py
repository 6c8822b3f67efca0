"""Files of data of every format: compressed, in other encodings, by name or by content; written and read back."""

from __future__ import annotations

import bz2
import datetime
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlem_model.data.csv.text import CsvForm
from mlem_model.data.dataset import load_data, read_data, save_data, write_data
from mlem_model.data.formats.files import format_of, sniff
from mlem_model.data.types.any import (
    DataFrameType,
    ListType,
    PrimitiveType,
    SeriesType,
    UnspecifiedType,
    difference,
    infer,
)
from mlem_model.errors import DataError, UserError

TEXTS = ListType(dtype=PrimitiveType(ptype="str"))
PEOPLE = DataFrameType(columns=("name", "age"), dtypes=("str", "float64"))
FRAME = pd.DataFrame({"name": ["007", "Bo"], "age": [41.0, 7.5]})
CONTENTS = {
    "csv": b"name,age\n007,41\nBo,7.5\n",
    "tsv": b"age\tname\n41\t007\n7.5\tBo\n",
    "json": b'[{"name": "007", "age": 41}, {"name": "Bo", "age": 7.5}]',
    "jsonl": b'{"name": "007", "age": 41}\n{"name": "Bo", "age": 7.5}\n',
}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", sorted(CONTENTS))
def test_a_file_is_read_compressed_or_not_by_its_name_or_its_content(
    tmp_path: Path, kind: str, compressed: bool
) -> None:
    content = gzip.compress(CONTENTS[kind]) if compressed else CONTENTS[kind]
    for name in (f"x.{kind}{'.gz' * compressed}", "noname"):
        (tmp_path / name).write_bytes(content)
        if kind != "tsv" or name != "noname":
            pd.testing.assert_frame_equal(read_data(tmp_path / name, PEOPLE), FRAME)
    pd.testing.assert_frame_equal(read_data("-", PEOPLE, format=kind, stdin=io.BytesIO(content)), FRAME)


def test_columns_are_read_from_arrow_and_parquet(tmp_path: Path) -> None:
    FRAME.to_feather(tmp_path / "x.feather")
    FRAME.set_index("name", drop=False).rename_axis(None).to_parquet(tmp_path / "x.parquet")
    write_data(FRAME, tmp_path / "x.arrow")
    for name in ("x.feather", "x.parquet", "x.arrow"):
        pd.testing.assert_frame_equal(read_data(tmp_path / name, PEOPLE), FRAME)
    records = infer(FRAME.to_dict("records"))
    assert read_data(tmp_path / "x.arrow", records) == FRAME.to_dict("records")
    assert read_data(tmp_path / "x.arrow", UnspecifiedType()) == FRAME.to_dict("records")
    assert read_data(tmp_path / "x.arrow", SeriesType(dtype="float64", name="age")).tolist() == [41.0, 7.5]
    with pytest.raises(DataError, match="expected one column, got 2 columns: name, age"):
        read_data(tmp_path / "x.arrow", TEXTS)


def test_an_index_of_pandas_in_parquet_is_the_index(tmp_path: Path) -> None:
    for index in (pd.Index([100, 200]), pd.date_range("2024-01-01", periods=2), pd.Index(["p", "q"], name="id")):
        frame = pd.DataFrame({"v": [1.0, 2.0]}, index=index)
        frame.to_parquet(tmp_path / "x.parquet")
        pd.testing.assert_frame_equal(read_data(tmp_path / "x.parquet", infer(frame)), frame, check_freq=False)


def test_a_text_has_lines_that_are_no_csv(tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_bytes(b'one, "two"\r\n\n007')
    assert read_data(tmp_path / "x.txt", TEXTS) == ['one, "two"', "", "007"]
    assert read_data(tmp_path / "x.txt", PrimitiveType(ptype="str")) == 'one, "two"\r\n\n007'
    (tmp_path / "table.txt").write_bytes(CONTENTS["csv"])
    pd.testing.assert_frame_equal(read_data(tmp_path / "table.txt", PEOPLE), FRAME)


def test_json_lines_end_at_line_ends_alone(tmp_path: Path) -> None:
    rows = [{"name": "a\u2028b\x85c\x0b", "age": 1.0}]
    (tmp_path / "x.jsonl").write_text(json.dumps(rows[0], ensure_ascii=False) + "\n")
    assert read_data(tmp_path / "x.jsonl", infer(rows)) == rows
    (tmp_path / "x.jsonl").write_text('{"name": "a", "age": 1}\nnope\n')
    with pytest.raises(UserError, match=r"x\.jsonl: not valid jsonl: line 2: "):
        read_data(tmp_path / "x.jsonl", PEOPLE)


def test_text_of_another_encoding_is_read_when_it_is_said(tmp_path: Path) -> None:
    for name, content in {
        "x.csv": "name,age\nÄ,1\n",
        "x.json": '[{"name": "Ä", "age": 1}]',
        "x.jsonl": '{"name": "Ä", "age": 1}\n',
    }.items():
        (tmp_path / name).write_bytes(content.encode("latin-1"))
        with pytest.raises(UserError, match="is not in UTF-8: byte 0xc4"):
            read_data(tmp_path / name, PEOPLE)
        assert read_data(tmp_path / name, PEOPLE, form=CsvForm(encoding="iso8859-1"))["name"].tolist() == ["Ä"]
        (tmp_path / name).write_bytes(content.encode("utf-16"))
        assert read_data(tmp_path / name, PEOPLE)["name"].tolist() == ["Ä"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.xlsx", b"PK\x03\x04", "{path} is an Excel workbook, which can't be read"),
        ("x.csv.bz2", bz2.compress(b"a"), "{path} is compressed by bzip2, which can't be read"),
        ("x.csv", b"PK\x03\x04rest", "{path} is a zip archive, such as an Excel workbook, not text"),
        (
            "x.csv.gz",
            gzip.compress(b"name,age\n" * 1000, mtime=0)[:-9],
            "{path}: the compressed content is damaged or cut short",
        ),
        ("x.csv.gz", b"", "{path} is empty"),
        ("x.parquet", b"hello", "{path}: not valid parquet: "),
        ("x.arrow", b"hello", "{path}: not valid arrow: "),
        ("x.json", b"\xff\xfe[\0\0", "{path} is not in UTF-16: byte "),
    ],
)
def test_a_file_that_can_not_be_read_is_named_with_what_it_is(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        read_data(tmp_path / name, PEOPLE)
    assert caught.value.message.startswith(message.format(path=tmp_path / name))


def test_formats_by_name() -> None:
    names = ["x.csv", "x.CSV.GZ", "x.ndjson", "x.feather", "x.tar", "x", "a.b/x", "x.gz"]
    assert [format_of(name) for name in names] == [
        ("csv", False), ("csv", True), ("jsonl", False), ("arrow", False),
        (None, False), (None, False), (None, False), (None, True),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "data_type", "kind"),
    [
        (b"5\n", TEXTS, "csv"),
        (b"5\n", PrimitiveType(ptype="int"), "json"),
        (b"5\n", None, "json"),
        (b'"a"\n', TEXTS, "csv"),
        (b"[1]", TEXTS, "json"),
    ],
)
def test_one_line_is_a_row_for_what_has_rows(content: bytes, data_type: Any, kind: str) -> None:
    assert sniff(content, data_type) == kind


def test_answers_are_written_in_what_the_name_says(tmp_path: Path) -> None:
    write_data(FRAME, tmp_path / "y.csv.gz")
    assert gzip.decompress((tmp_path / "y.csv.gz").read_bytes()) == b"name,age\n007,41.0\nBo,7.5\n"
    write_data(FRAME, tmp_path / "y.tsv")
    assert (tmp_path / "y.tsv").read_text() == "name\tage\n007\t41.0\nBo\t7.5\n"
    write_data(["a, b", ""], tmp_path / "y.txt")
    assert (tmp_path / "y.txt").read_text() == "a, b\n\n"
    write_data(b"\0\1", tmp_path / "y.bin")
    assert (tmp_path / "y.bin").read_bytes() == b"\0\1"
    write_data(b"ab", tmp_path / "y.json")
    assert (tmp_path / "y.json").read_text() == '"YWI="\n'
    for name in ("y.xlsx", "y.zip"):
        with pytest.raises(UserError, match="can't be written"):
            write_data(FRAME, tmp_path / name)
    with pytest.raises(UserError, match="this can't be written as parquet"):
        write_data(pd.DataFrame({"c": pd.Series(["a", 1], dtype=object)}), tmp_path / "y.parquet")


def test_an_image_is_written_as_one(tmp_path: Path) -> None:
    from PIL import Image

    image = Image.new("L", (2, 2), 7)
    write_data(image, tmp_path / "y.png")
    assert Image.open(tmp_path / "y.png").getpixel((1, 1)) == 7
    with pytest.raises(UserError, match="an image is written as png, not as jpg"):
        write_data(image, tmp_path / "y.jpg")


DATA = {
    "frame with an index of dates": pd.DataFrame({"v": [1.0, 2.0]}, index=pd.date_range("2024-01-01", periods=2)),
    "series with an index": pd.Series([1.0, 2.0], index=["p", "q"], name="s"),
    "texts that are empty, missing, and NA": pd.DataFrame({"t": ["", None, "NA"], "n": [1, 2, 3]}),
    "one column of texts": pd.DataFrame({"t": ["a", None, "b"]}),
    "names that need quotes": pd.DataFrame({"a,b": ["NA", ""], "new\nline": [1, 2]}),
    "a matrix": np.arange(6).reshape(3, 2),
    "texts": ["value", "0", "a,b"],
    "times": pd.DataFrame({"t": pd.to_datetime(["2024-01-01 10:00", None]), "d": [datetime.date(2024, 1, 1), None]}),
    "no rows": pd.DataFrame({"a": pd.Series([], dtype="float64"), "b": pd.Series([], dtype="float64")}),
}


@pytest.mark.parametrize("suffix", ["", ".csv", ".json", ".parquet"])
@pytest.mark.parametrize("name", sorted(DATA))
def test_saved_data_comes_back_as_it_was(tmp_path: Path, name: str, suffix: str) -> None:
    if suffix == ".parquet" and name == "texts":
        with pytest.raises(UserError, match="can't be written as parquet"):
            save_data(DATA[name], tmp_path / "d.parquet")
        return
    dataset = save_data(DATA[name], tmp_path / f"d{suffix}")
    assert difference(DATA[name], load_data(dataset, tmp_path)) is None


def test_data_that_would_come_back_as_something_else_is_not_saved_so(tmp_path: Path) -> None:
    mixed = pd.DataFrame({"c": pd.Series(["a", 1, None], dtype=object)})
    assert difference(mixed, load_data(save_data(mixed, tmp_path / "d"), tmp_path)) is None
    lone = pd.DataFrame({"t": ["a", ""]})
    for value, name in ((mixed, "d.csv"), (mixed, "d.parquet"), (lone, "e.csv")):
        with pytest.raises(UserError):
            save_data(value, tmp_path / name)
        assert not (tmp_path / f"{name}.mlem").exists()
