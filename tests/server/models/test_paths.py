"""Models are named by a path with or without the extension, or by a folder that has them."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem_model.errors import DeclarationError, NotFoundError, UserError
from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save
from mlem_server.models.paths import paths_by_name


def put(path: Path) -> Path:
    save(len, path, sample_data=[1], model_types=(CallableModel,))
    return path.with_name(f"{path.name}.mlem")


@pytest.mark.parametrize(
    ("model", "path"), [("models/rf", "models/rf.mlem"), ("rf.mlem", "rf.mlem"), ("rf.v1.2", "rf.v1.2.mlem")]
)
def test_a_model_is_named_with_or_without_its_extension(model: str, path: str) -> None:
    assert list(paths_by_name([model]).values()) == [Path(path)]


def test_a_folder_has_the_models_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    b, a = put(tmp_path / "b"), put(tmp_path / "a")
    (tmp_path / "env.mlem").write_text("object_type: env\ntype: local\n")
    assert paths_by_name([tmp_path]) == {"a": a, "b": b}
    monkeypatch.chdir(tmp_path)
    assert list(paths_by_name(["."])) == ["a", "b"]


def test_a_model_beside_a_folder_of_its_name_is_the_model(tmp_path: Path) -> None:
    (tmp_path / "rf").mkdir()
    put(tmp_path / "rf" / "inside")
    assert list(paths_by_name([tmp_path / "rf"])) == ["inside"]
    (tmp_path / "rf.mlem").write_text((tmp_path / "rf" / "inside.mlem").read_text())
    assert list(paths_by_name([tmp_path / "rf"])) == ["rf"]


def test_a_model_that_is_named_twice_is_served_once(tmp_path: Path) -> None:
    path = put(tmp_path / "a")
    assert paths_by_name([tmp_path, path, tmp_path / "a"]) == {"a": path}


def test_two_of_a_name_an_empty_folder_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        put(tmp_path / folder / "a")
    with pytest.raises(UserError, match='two models have the name "a"'):
        paths_by_name([tmp_path / "one", tmp_path / "two"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="no model in the folder"):
        paths_by_name([tmp_path / "empty"])
    (tmp_path / "empty" / "broken.mlem").write_text("- no mapping")
    with pytest.raises(DeclarationError):
        paths_by_name([tmp_path / "empty"])
