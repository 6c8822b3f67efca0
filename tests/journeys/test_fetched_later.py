"""A checkout without what Git LFS or DVC keeps.

Each file that is needed says how it is fetched, and nothing is left behind.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem.testing import Project

DIGEST = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{DIGEST}\nsize 12345\n"
PULL = "git lfs pull"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.make(tmp_path / "project")
    made.save("double", 2.0)
    (made.folder / "numbers.json").write_text("[1.0, 2.0]")
    return made


def artifact(project: Project) -> Path:
    return next(path for path in project.folder.iterdir() if path.name.startswith("double") and path.suffix != ".mlem")


def refused(project: Project, *words: str) -> str:
    before = {path.name for path in project.folder.iterdir() if not path.name.endswith(".lock")}
    done = project.mlem(*words)
    assert done.returncode in (2, 3, 4), (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert {path.name for path in project.folder.iterdir() if not path.name.endswith(".lock")} == before
    return done.stderr


@pytest.mark.parametrize(
    "words",
    [
        "apply double numbers.json",
        "deployment run local app --model double",
        "build docker_dir double --target context",
    ],
)
def test_a_pointer_in_the_place_of_a_model(project: Project, words: str) -> None:
    artifact(project).write_text(POINTER)
    told = refused(project, *words.split())
    assert ("error[artifact-changed]" in told, PULL in told) == (True, True), told


@pytest.mark.parametrize("name", ["data.json", "data.csv", "data.bin"])
def test_a_pointer_in_the_place_of_data(project: Project, name: str) -> None:
    (project.folder / name).write_text(POINTER)
    told = refused(project, "apply", "double", name)
    assert ("error[not-fetched]" in told, PULL in told) == (True, True), told


def test_a_pointer_in_the_place_of_a_declaration(project: Project) -> None:
    (project.folder / "app.mlem").write_text(POINTER)
    for words in ("deployment status app", "deployment run --load app"):
        assert PULL in refused(project, *words.split())


@pytest.mark.parametrize("words", ["apply double numbers.json", "deployment run local app --model double"])
def test_a_model_that_dvc_keeps(project: Project, words: str) -> None:
    path = artifact(project)
    path.unlink()
    path.with_name(f"{path.name}.dvc").write_text("outs: []\n")
    told = refused(project, *words.split())
    assert ("error[artifact-missing]" in told, f"dvc pull {path}.dvc" in told) == (True, True), told


def test_data_in_a_folder_that_dvc_keeps(project: Project) -> None:
    (project.folder / "raw.dvc").write_text("outs: []\n")
    assert "dvc pull raw.dvc" in refused(project, "apply", "double", "raw/data.json")
    assert "dvc" not in refused(project, "apply", "double", "other/data.json")
