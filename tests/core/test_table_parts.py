"""Tables in parts: nothing is read twice, nothing written by half."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest

from mlem.data import infer
from mlem.datasets import read_data
from mlem.errors import NotFoundError, UserError
from mlem.table_parts import PartsWriter, read_parts

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
        ([FRAME.iloc[:10].reset_index(drop=True), FRAME.iloc[10:].reset_index(drop=True)], suffix) for suffix in ("parquet", "csv", "jsonl")
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
