"""The profile of a model: saved beside it, of all that has columns, and read only as what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy
import pandas
import polars
import pytest

from mlem_model.errors import ConflictError, DeclarationError, UserError
from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.loading import load_model
from mlem_model.models.model import Model
from mlem_model.models.profiles.profile import ROWS, Columns, Profile
from mlem_model.models.saving import copy_model, save
from mlem_model.objects.yaml_file import read_mapping


def profiled(path: Path, function: Any, sample: Any) -> tuple[Model, Profile]:
    model = save(function, path, sample_data=sample, profile=True, model_types=(CallableModel,))
    assert isinstance(model, Model)
    profile = Profile.read(model, path.parent)
    assert profile is not None
    return model, profile


def columns_of(profile: Profile) -> Columns:
    inputs = profile.of_method("predict")
    assert inputs is not None
    return inputs.columns


def by_name(price: float, city: str) -> float:
    return price


FRAME = pandas.DataFrame({"price": [1.0, 2.0, None], "city": pandas.Categorical(["a", "b", "a"])})
INDEXED = FRAME.set_index(pandas.Index([3, 4, 9], name="id"))
CASES = {
    "frame": (lambda X: [1.0] * len(X), FRAME, {"price": "number", "city": "category"}),
    "indexed": (lambda X: [1.0] * len(X), INDEXED, {"id": "number", "price": "number", "city": "category"}),
    "polars": (lambda X: [1.0] * len(X), polars.DataFrame({"price": [1.0, None]}), {"price": "number"}),
    "array": (lambda X: X.sum(axis=1), numpy.ones((3, 2)), {"0": "number", "1": "number"}),
    "vector": (lambda X: X * 2, numpy.ones(3), {"X": "number"}),
    "series": (lambda X: X * 2, pandas.Series([1.0, 2.0]), {"X": "number"}),
    "texts": (lambda X: [len(one) for one in X], ["a", "bb"], {"X": "category"}),
    "records": (lambda X: [one["a"] for one in X], [{"a": 1, "b": {"c": 2}}] * 3, {"a": "number"}),
    "arguments": (by_name, {"price": 1.5, "city": "Rome"}, {"price": "number", "city": "category"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", CASES)
def test_every_kind_of_data_with_columns_has_a_profile(kind: str, tmp_path: Path) -> None:
    function, sample, columns = CASES[kind]
    _, profile = profiled(tmp_path / "m", function, sample)
    assert {name: column.kind for name, column in columns_of(profile).items()} == columns


def test_it_is_part_of_the_model(tmp_path: Path) -> None:
    plain = save(lambda X: X.sum(axis=1), tmp_path / "m", sample_data=numpy.ones((3, 2)), model_types=(CallableModel,))
    model, profile = profiled(tmp_path / "m", lambda X: X.sum(axis=1), numpy.ones((3, 2)))
    assert isinstance(plain, Model)
    assert model.digest != plain.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "m.mlem", "m.profile.json"]
    copy = copy_model(model.at(str(tmp_path / "m.mlem")), tmp_path / "copy")
    assert (copy.digest, Profile.read(copy, tmp_path / "copy")) == (model.digest, profile)
    assert load_model(copy, tmp_path / "copy")(numpy.ones((1, 2))).tolist() == [2]
    save(lambda X: X.sum(axis=1), tmp_path / "m", sample_data=numpy.ones((3, 2)), model_types=(CallableModel,))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "m", "m.mlem"]


def test_of_many_rows_some_are_looked_at_from_all_over(tmp_path: Path) -> None:
    _, profile = profiled(tmp_path / "m", lambda X: X * 2, numpy.arange(10.0 * ROWS))
    column = columns_of(profile)["X"]
    assert (column.edges[0], column.edges[-1]) == (0, 10 * ROWS - 1)
    assert column.expected["missing"] == 0


@pytest.mark.parametrize("sample", [numpy.ones((2, 4, 4)), [[[1]], [[2]]]])
def test_what_has_no_columns_can_not_be_profiled(sample: Any, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no columns"):
        save(lambda X: [1] * len(X), tmp_path / "m", sample_data=sample, profile=True, model_types=(CallableModel,))
    with pytest.raises(UserError, match="no sample data"):
        save(lambda X: X, tmp_path / "m", profile=True, model_types=(CallableModel,))
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    profiled(tmp_path / "m", lambda X: X * 2, numpy.ones(3))
    file = tmp_path / "m.profile.json"
    for content in ("{", "[1]", '{"inputs": [{"methods": ["predict"], "columns": {"X": 1}}]}', "[" * 100_000):
        file.write_text(content)
        with pytest.raises(ConflictError):
            Profile.read(_read(tmp_path), tmp_path)
        _claim(tmp_path, content)
        with pytest.raises(DeclarationError, match=r"m\.profile\.json: not the profile"):
            Profile.read(_read(tmp_path), tmp_path)
    file.unlink()
    _claim(tmp_path, "[]", size_bytes=10**12)
    with pytest.raises(DeclarationError, match="not the profile"):  # before it is read
        Profile.read(_read(tmp_path), tmp_path)


def _read(folder: Path) -> Model:
    return Model.from_data(read_mapping(folder / "m.mlem"), "m.mlem")


def _claim(folder: Path, content: str, size_bytes: int | None = None) -> None:
    """Let the metadata say that the file is what was saved."""
    import hashlib

    data = read_mapping(folder / "m.mlem")
    digest = hashlib.sha256(content.encode()).hexdigest()
    data["artifacts"]["profile"].update(sha256=digest, size_bytes=len(content) if size_bytes is None else size_bytes)
    (folder / "m.mlem").write_text(json.dumps(data))
