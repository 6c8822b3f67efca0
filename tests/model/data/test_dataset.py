from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mlem_model.data.dataset import Dataset, load_data, read_data, save_data, write_data
from mlem_model.data.types.any import DataFrameType, ListType, NdarrayType, PrimitiveType, infer
from mlem_model.errors import ConflictError, DataError, DeclarationError, NotFoundError, UserError
from mlem_model.objects.yaml_file import read_mapping

PEOPLE = DataFrameType(columns=("name", "age"), dtypes=("str", "float64"))
ARRAY = NdarrayType(shape=(None, 2), dtype="float64")
FRAME = pd.DataFrame({"name": ["007", "Bo"], "age": [41.0, 7.5]})


def expected() -> pd.DataFrame:
    return PEOPLE.decode([{"name": "007", "age": 41.0}, {"name": "Bo", "age": 7.5}])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "name,age\n007,41\nBo,7.5\n"),
        ("x.csv", "\ufeffage,name\r\n41,007\r\n7.5,Bo\r\n"),
        ("x.json", '[{"name": "007", "age": 41}, {"name": "Bo", "age": 7.5}]'),
        ("x.json", '{"name": ["007", "Bo"], "age": [41, 7.5]}'),
        ("x.jsonl", '{"name": "007", "age": 41}\n\n{"name": "Bo", "age": 7.5}\n'),
        ("x.ndjson", '{"name": "007", "age": 41}\n{"name": "Bo", "age": 7.5}\n'),
        ("noname", "name,age\n007,41\nBo,7.5\n"),
        ("noname", '{"name": "007", "age": 41}\n{"name": "Bo", "age": 7.5}\n'),
        ("noname", '[\n["007", 41],\n["Bo", 7.5]]\n'),
    ],
)
def test_a_frame_is_read_from_text_of_any_format(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    pd.testing.assert_frame_equal(read_data(tmp_path / name, PEOPLE), expected())
    pd.testing.assert_frame_equal(read_data("-", PEOPLE, format=None, stdin=io.BytesIO(text.encode())), expected())


def test_a_frame_and_arrays_are_read_from_binary_formats(tmp_path: Path) -> None:
    FRAME.to_parquet(tmp_path / "x.parquet")
    pd.testing.assert_frame_equal(read_data(tmp_path / "x.parquet", PEOPLE), expected())
    array = np.array([[1.0, 2.0]])
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "one.npz", array)
    np.savez(tmp_path / "two.npz", a=array, b=array)
    for name in ("a.npy", "one.npz"):
        np.testing.assert_array_equal(read_data(tmp_path / name, ARRAY), array)
        np.testing.assert_array_equal(read_data("-", ARRAY, stdin=io.BytesIO((tmp_path / name).read_bytes())), array)
    with pytest.raises(UserError, match="expected one array, got 2: a, b"):
        read_data(tmp_path / "two.npz")


def test_csv_gives_what_the_argument_takes(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n3,4\n")
    (tmp_path / "bare.csv").write_text("1,2\n3,4\n")
    (tmp_path / "one.csv").write_text("a\n1\n2\n")
    for name in ("x.csv", "bare.csv"):
        np.testing.assert_array_equal(read_data(tmp_path / name, ARRAY), [[1.0, 2.0], [3.0, 4.0]])
    assert read_data(tmp_path / "one.csv", ListType(dtype=PrimitiveType(ptype="int"))) == [1, 2]
    pd.testing.assert_frame_equal(read_data(tmp_path / "x.csv"), pd.DataFrame({"a": [1, 3], "b": [2, 4]}))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.csv", "", "{path} is empty"),
        ("x.json", " \n", "{path} is empty"),
        ("x.json", "[1,", "{path}: not valid json: Expecting value: line 1 column 4 (char 3)"),
        ("x.npy", "hello", "{path}: not valid npy: "),
        ("x.parquet", "hello", "{path}: not valid parquet: "),
        ("x.csv", "a,b\n1\n", "{path}: not valid csv: row 2: expected 2 cells, got 1 (line 2)"),
        ("x.json", "[" * 100_000, "{path}: too deeply nested"),
    ],
)
def test_what_can_not_be_read_is_an_error_with_the_file(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(UserError) as caught:
        read_data(tmp_path / name)
    assert str(caught.value).startswith(message.format(path=tmp_path / name))


def test_a_missing_file_and_an_unknown_format_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        read_data(tmp_path / "no.csv")
    with pytest.raises(UserError) as caught:
        read_data("-", format="xls", stdin=io.BytesIO(b"1"))
    assert (caught.value.code, "csv" in caught.value.known) == ("bad-format", True)


def test_wrong_columns_are_named_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("name,agee\nAnn,1\n")
    with pytest.raises(DataError) as caught:
        read_data(tmp_path / "x.csv", PEOPLE)
    assert (caught.value.path, caught.value.hint) == ("data[0].agee", 'did you mean "age"?')


@pytest.mark.parametrize("name", ["y.csv", "y.json", "y.jsonl", "y.parquet"])
def test_a_frame_written_is_read_back(tmp_path: Path, name: str) -> None:
    write_data(FRAME, tmp_path / name)
    pd.testing.assert_frame_equal(read_data(tmp_path / name, PEOPLE), expected())


def test_answers_are_written_in_the_format_of_the_suffix(tmp_path: Path) -> None:
    answer = np.array([0.25, np.nan])
    for name in ("y.npy", "y.json", "y.csv", "y"):
        write_data(answer, tmp_path / name)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), answer)
    assert json.loads((tmp_path / "y.json").read_text()) == json.loads((tmp_path / "y").read_text()) == [0.25, "NaN"]
    assert (tmp_path / "y.csv").read_text() == "value\n0.25\nNaN\n"
    np.testing.assert_array_equal(read_data(tmp_path / "y.json", infer(answer)), answer)
    write_data(np.array([[1, 2]]), tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_text() == "0,1\n1,2\n"
    with pytest.raises(UserError, match="can't be written as npy"):
        write_data({"a": 1}, tmp_path / "z.npy")
    with pytest.raises(UserError, match="nested"):
        write_data([[[1]]], tmp_path / "z.csv")


def test_saved_data_is_read_by_its_name(tmp_path: Path) -> None:
    save_data(FRAME, tmp_path / "people")
    for name in ("people", "people.mlem"):
        pd.testing.assert_frame_equal(read_data(tmp_path / name, PEOPLE), expected())
    (tmp_path / "people").write_bytes(b"changed")
    with pytest.raises(ConflictError):
        read_data(tmp_path / "people")
    (tmp_path / "m.mlem").write_text("object_type: model\n")
    with pytest.raises(UserError, match="is not saved data: its object_type is model"):
        read_data(tmp_path / "m")


OLD: dict[str, Any] = {
    "artifacts": {"data": {"hash": "", "size": 0, "uri": "x.csv"}},
    "object_type": "data",
    "reader": {
        "data_type": {"columns": ["a", "b"], "dtypes": ["float64", "int64"], "index_cols": [], "type": "dataframe"},
        "format": "csv",
        "type": "pandas",
    },
    "requirements": [{"module": "pandas", "version": "2.1.4"}],
}


def test_data_of_mlem_04_is_loaded(tmp_path: Path) -> None:
    content = b"a,b\n1,2\n"
    (tmp_path / "x.csv").write_bytes(content)
    dataset = Dataset.from_data({**OLD, "artifacts": {"data": {"size": len(content), "uri": "x.csv"}}}, "x.csv.mlem")
    pd.testing.assert_frame_equal(load_data(dataset, tmp_path), pd.DataFrame({"a": [1.0], "b": [2]}))
    assert dataset.requirements[0].pip == "pandas==2.1.4"


def test_a_reader_of_mlem_04_without_a_counterpart_is_named() -> None:
    with pytest.raises(DeclarationError, match=r"x.mlem: reader.format: "):
        Dataset.from_data({**OLD, "reader": {**OLD["reader"], "format": "hdf"}}, "x.mlem")


def test_saved_data_comes_back_from_its_file(tmp_path: Path) -> None:
    dataset = save_data([1, 2], tmp_path / "d")
    assert Dataset.from_data(read_mapping(tmp_path / "d.mlem"), "x") == dataset
