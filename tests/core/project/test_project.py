"""Names become places."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from mlem import api
from mlem.project.project import Location, init_project, locate, objects_below
from mlem.testing import Project
from mlem_model.errors import NotFoundError, UserError


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    init_project(tmp_path)
    (tmp_path / "apps").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_name_is_a_path_from_the_current_folder_and_a_key_from_the_project(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Location(root, True, "apps/iris", root / "apps" / "iris.mlem")
    assert locate("apps/iris") == expected
    assert locate("apps/iris.mlem") == expected
    assert locate(str(root / "apps" / "iris")) == expected
    monkeypatch.chdir(root / "apps")
    assert locate("iris") == expected


def test_another_project_can_be_named(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert locate("apps/iris", str(root)) == Location(root, True, "apps/iris", root / "apps" / "iris.mlem")


def test_outside_a_project_the_object_s_folder_is_the_root(tmp_path: Path) -> None:
    assert locate(str(tmp_path / "deep" / "iris")) == Location(
        tmp_path / "deep", False, "iris", tmp_path / "deep" / "iris.mlem"
    )


def test_a_url_is_read_through_its_file_system(root: Path) -> None:
    import fsspec

    with fsspec.open("memory://models/iris.mlem", "w") as file:
        file.write("object_type: model\n")
    place = locate("memory://models/iris")
    assert (place.url, place.key, place.read()) == ("memory://models/iris.mlem", "iris", {"object_type": "model"})


def test_a_missing_object_suggests_the_nearest(root: Path) -> None:
    (root / "iris.mlem").write_text("object_type: model\n")
    with pytest.raises(NotFoundError) as caught:
        locate("irsi").read()
    assert (caught.value.message, caught.value.hint, caught.value.known) == (
        "no object 'irsi': irsi.mlem does not exist",
        'did you mean "iris"?',
        ("iris",),
    )


@pytest.mark.parametrize("name", ["", "apps/"])
def test_an_empty_name_is_refused(root: Path, name: str) -> None:
    with pytest.raises(UserError):
        locate(name)


def test_objects_in_hidden_folders_are_not_listed(root: Path) -> None:
    (root / "apps" / "a.mlem").write_text("x: 1\n")
    (root / ".cache").mkdir()
    (root / ".cache" / "b.mlem").write_text("x: 1\n")
    assert list(objects_below(root)) == [("apps/a", root / "apps" / "a.mlem")]


def test_a_project_keeps_its_id(tmp_path: Path) -> None:
    path, made = init_project(tmp_path)
    text = path.read_text()
    assert (made, init_project(tmp_path), path.read_text()) == (True, (path, False), text)


@pytest.mark.parametrize(
    ("before", "after"),
    [(None, "{}"), ("*.pyc", "*.pyc\n{}"), ("dist\n", "dist\n{}"), ("!*.mlem.state\n", "!*.mlem.state\n")],
)
def test_git_is_told_to_leave_states_out(tmp_path: Path, before: str | None, after: str) -> None:
    ignored = tmp_path / ".gitignore"
    if before is not None:
        ignored.write_text(before)
    for _ in range(2):
        init_project(tmp_path)
    lines = ignored.read_text()
    if "{}" in after:
        assert lines.startswith(after.removesuffix("{}"))
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
        names = [
            "app.mlem.state",
            "a/b.mlem.state.lock",
            "app.mlem.state.at",
            "app.errored.mlem.state",
            "app.mlem",
            "a/b.mlem",
        ]
        told = subprocess.run(
            ["git", "check-ignore", *names], cwd=tmp_path, capture_output=True, text=True, check=False
        ).stdout
        assert told.split() == names[:4]
    else:
        assert lines == after


@pytest.mark.parametrize(
    "name",
    [
        ".hidden",
        "apps/.hidden",
        ".mlem",
        "new\nline",
        "tab\tbed",
        "esc\x1b[31m",
        "right\u202eleft",
        "zero\u200bwidth",
        "back\\slash",
        " ",
        "apps/trailing ",
        "n" * 201,
        "ü" * 101,
    ],
)
def test_a_name_that_makes_no_names_of_files_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        locate(name, tmp_path)
    assert caught.value.code == "bad-name"
    assert len(caught.value.message) < 150
    assert "\n" not in caught.value.message
    with pytest.raises(UserError) as caught:
        api.save([1, 2], f"memory://models/{name}")
    assert caught.value.code == "bad-name"


def test_the_longest_name_has_room_for_all_that_is_made_of_it(tmp_path: Path) -> None:
    project = Project.make(tmp_path)
    project.save("n" * 200, 2.0)
    assert api.load("n" * 200, project=tmp_path)([1.0]) == [2.0]
    assert locate("ü" * 100, tmp_path).path.name == f"{'ü' * 100}.mlem"


def test_a_link_has_one_name(tmp_path: Path) -> None:
    (tmp_path / "real.mlem").write_text("object_type: deployment\n")
    (tmp_path / "app.mlem").symlink_to("real.mlem")
    assert locate("app", tmp_path) == locate("app.mlem", tmp_path)
    assert locate("app", tmp_path).key == "app"


def test_who_looks_for_a_model_is_told_the_names_of_models(tmp_path: Path) -> None:
    project = Project.make(tmp_path)
    project.save("iris", 2.0)
    project.save("irid", 2.0)
    (tmp_path / "iriz.mlem").write_text("object_type: deployment\ntype: any\n")
    with pytest.raises(NotFoundError) as caught:
        locate("irix", tmp_path).read("model")
    assert caught.value.known == ("irid", "iris")
