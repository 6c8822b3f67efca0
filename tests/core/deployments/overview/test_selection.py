"""Which deployments are meant: by names, folders, all of a project, all of a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from mlem import api
from mlem.deployments.overview.selection import Selected, select
from mlem.project.project import Name
from mlem_model.errors import NotFoundError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    api.init(tmp_path)
    for name in ("one", "two", "apps/three", "apps/deep/four", "apps"):
        path = tmp_path / f"{name}.mlem"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("model: iris\nobject_type: deployment\ntype: local_process\n")
    (tmp_path / "apps/env.mlem").write_text("object_type: env\ntype: local\n")
    return tmp_path


def test_an_overlay_says_which_of_a_folder(project: Path) -> None:
    for name in ("one.prod", "apps/three.prod", "apps/three.test"):
        (project / f"{name}.mlem").write_text("keep_releases: 5\n")
    assert names(select(["."], str(project), overlay="prod")) == ["apps/three@prod", "one@prod"]
    assert names(select([], str(project), everything=True)) == names(select(["."], str(project)))
    assert "one@prod" not in names(select(["."], str(project)))
    assert names(select(["one@prod", "apps/"], str(project))) == ["one@prod", "apps/deep/four", "apps/three"]
    with pytest.raises(NotFoundError, match="under the overlay nowhere"):
        select(["apps/"], str(project), overlay="nowhere")


def names(selected: Sequence[Selected]) -> list[str]:
    return [one.name for one in selected]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["two", "one"], ["two", "one"]),
        (["one", "one.mlem", Path("one")], ["one"]),
        (["apps"], ["apps"]),  # a declaration of that name is there too
        (["apps/"], ["apps/deep/four", "apps/three"]),
        (["apps/three", "apps/"], ["apps/three", "apps/deep/four"]),
        (["."], ["apps", "apps/deep/four", "apps/three", "one", "two"]),
        (["nobody"], ["nobody"]),  # what is wrong with one is told with it
    ],
)
def test_names_and_folders(project: Path, given: list[Name], expected: list[str]) -> None:
    assert names(select(given, str(project))) == expected


def test_all_of_the_project_from_a_folder_of_it(project: Path) -> None:
    assert names(select([], str(project / "apps"), everything=True)) == names(select(["."], str(project)))


def test_a_folder_or_a_project_without_deployments_is_an_error(project: Path, tmp_path: Path) -> None:
    (project / "empty").mkdir()
    with pytest.raises(NotFoundError, match=r"no deployments are declared in .*empty"):
        select(["one", "empty"], str(project))
    with pytest.raises(NotFoundError, match="no deployments in"):
        select([], str(project), everything=True, state=f"file://{tmp_path}/states")
