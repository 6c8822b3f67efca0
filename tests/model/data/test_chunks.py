"""Tables in parts: nothing is read twice, nothing written by half."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from mlem_model.data.chunks import PartsWriter, read_parts
from mlem_model.data.dataset import read_data
from mlem_model.data.types.any import infer
from mlem_model.errors import DataError, NotFoundError, UserError

FRAME = pandas.DataFrame({"a": numpy.arange(25.0), "b": [f"n{number}" for number in range(25)]})


@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl", "json"])
def test_a_frame_is_read_in_parts_of_so_many_rows(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"rows.{suffix}"
    {
        "parquet": lambda: FRAME.to_parquet(path),
        "csv": lambda: FRAME.to_csv(path, index=False),
        "jsonl": lambda: FRAME.to_json(path, orient="records", lines=True),
        "json": lambda: FRAME.to_json(path, orient="records"),
    }[suffix]()
    parts = list(read_parts(str(path), infer(FRAME), 10))
    assert [len(part) for part in parts] == [10, 10, 5]
    pandas.testing.assert_frame_equal(pandas.concat(parts, ignore_index=True), FRAME, check_dtype=False)


def test_an_array_is_read_in_parts(tmp_path: Path) -> None:
    array = numpy.arange(14.0).reshape(7, 2)
    numpy.save(tmp_path / "rows.npy", array)
    parts = list(read_parts(str(tmp_path / "rows.npy"), infer(array), 3))
    assert [part.tolist() for part in parts] == [array[:3].tolist(), array[3:6].tolist(), array[6:].tolist()]


@pytest.mark.parametrize(
    ("parts", "suffix"),
    [([numpy.array([1, 2]), numpy.array([3])], suffix) for suffix in ("csv", "jsonl", "json", "npy", "parquet")]
    + [
        ([FRAME.iloc[:10].reset_index(drop=True), FRAME.iloc[10:].reset_index(drop=True)], suffix)
        for suffix in ("parquet", "csv", "jsonl")
    ],
)
def test_what_is_written_in_parts_is_read_back_whole(tmp_path: Path, parts: list[Any], suffix: str) -> None:
    data_type = infer(parts[0])
    path = tmp_path / f"answers.{suffix}"
    with PartsWriter(path, data_type) as writer:
        for part in parts:
            writer.write(part)
    back = read_data(path, data_type)
    assert data_type.encode(back) == data_type.encode(data_type.join(parts))
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_failure_leaves_the_file_as_it_was(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"answers.{suffix}"
    path.write_text("before")

    def fail_halfway() -> None:
        with PartsWriter(path, infer(FRAME)) as writer:
            writer.write(FRAME)
            raise KeyError

    with pytest.raises(KeyError):
        fail_halfway()
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == [path.name]


def test_files_that_can_not_be_read_or_written_are_told_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        list(read_parts(str(tmp_path / "nothing.parquet"), infer(FRAME), 10))
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 nothing")
    with pytest.raises(UserError, match="not valid parquet"):
        list(read_parts(str(tmp_path / "bad.parquet"), infer(FRAME), 10))
    (tmp_path / "a file").write_text("")
    with pytest.raises(UserError), PartsWriter(tmp_path / "a file" / "x.csv", infer(FRAME)):
        pass


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", "b,a\n" + "".join(f"n{number},{number}\n" for number in range(25))),
        ("x.csv", ",a,b\r\n" + "".join(f'{number},{number}.0,"n{number}"\r\n' for number in range(25))),
        ("x.tsv", "a\tb\n" + "".join(f"{number}\tn{number}\n" for number in range(25))),
        ("x.jsonl", "".join(f'{{"a": {number}, "b": "n{number}"}}\n\n' for number in range(25))),
    ],
)
@pytest.mark.parametrize("compressed", [False, True])
def test_text_in_parts_means_the_same_as_the_whole(tmp_path: Path, name: str, content: str, compressed: bool) -> None:
    path = tmp_path / f"{name}{'.gz' * compressed}"
    path.write_bytes(gzip.compress(content.encode()) if compressed else content.encode())
    parts = list(read_parts(str(path), infer(FRAME), 10))
    assert [len(part) for part in parts] == [10, 10, 5]
    pandas.testing.assert_frame_equal(pandas.concat(parts, ignore_index=True), read_data(path, infer(FRAME)))
    pandas.testing.assert_frame_equal(pandas.concat(parts, ignore_index=True), FRAME)


def test_a_list_of_texts_is_read_in_parts_by_the_same_rule(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("007\ntrue\nnan\n")
    assert list(read_parts(str(tmp_path / "x.csv"), infer(["a"]), 2)) == [["007", "true"], ["nan"]]
    (tmp_path / "one.csv").write_text("data\n007\n")
    for read in (read_data, lambda path, data_type: list(read_parts(str(path), data_type, 2))):
        with pytest.raises(UserError, match="'data' may be a name or a text"):
            read(tmp_path / "one.csv", infer(["a"]))


@pytest.mark.parametrize(
    ("name", "content", "path"),
    [
        ("x.csv", "a,b\n" + "1,x\n" * 24 + "z,x\n", "data[24].a"),
        ("x.jsonl", '{"a": 1, "b": "x"}\n' * 24 + '{"a": "z", "b": "x"}\n', "data[24].a"),
    ],
)
def test_an_error_in_a_part_has_its_place_in_the_file(tmp_path: Path, name: str, content: str, path: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as caught:
        list(read_parts(str(tmp_path / name), infer(FRAME), 10))
    assert caught.value.path == path


def test_names_with_line_ends_are_written_once(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"two\nlines": [1.0, 2.0], "b": ["x", "y"]})
    for name in ("y.csv", "y.csv.gz", "y.tsv"):
        with PartsWriter(tmp_path / name, infer(frame)) as writer:
            writer.write(frame[:0])
            writer.write(frame[:1])
            writer.write(frame[1:])
        pandas.testing.assert_frame_equal(read_data(tmp_path / name, infer(frame)), frame)
