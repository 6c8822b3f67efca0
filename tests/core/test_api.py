"""The Python API, as a program uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlem import api
from mlem.errors import UserError
from mlem.testing import Project
from mlem.testing.fake import FakePlatform


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    api.init(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def double(x: int) -> int:
    return x * 2


def test_objects_are_named_by_paths_as_by_words(folder: Path) -> None:
    for name, project in ((Path("models/double"), None), (Path("other.mlem"), folder), (folder / "third", Path("."))):
        saved = api.save(double, name, sample_data=2, project=project)
        assert api.load_meta(name, project) == saved
        assert api.load(name, project)(3) == 6
        assert api.apply(name, 4, project=project) == 8
    api.save([1, 2], Path("numbers"))
    assert api.load(Path("numbers")) == [1, 2]
    assert sorted(path.name for path in folder.rglob("*.mlem")) == ["double.mlem", "numbers.mlem", "other.mlem", "third.mlem"]


def test_deployments_are_named_by_paths_as_by_words(platform: FakePlatform, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.folder)
    api.declare_env("fake", Path("prod"), {})
    api.declare_deployment("fake", Path("apps/one"), {"model": project.folder / "double", "env": Path("prod")}, project.folder)
    api.deploy("fake", Path("apps/one"), model=Path("double"), env=Path("prod"))
    handle: Any = api.load(Path("apps/one"))
    assert (handle.deployment.model, handle.deployment.env, handle.status().status) == ("double", "prod", "running")
    assert [name for name, _ in api.deployments(project.folder)] == ["apps/one"]


@pytest.mark.parametrize("name", [Path("s3://bucket/iris"), Path("memory://iris"), Path("."), Path(".."), Path(), "", "iris/"])
def test_a_path_that_is_no_name_is_refused(folder: Path, name: Any) -> None:
    for attempt in (lambda: api.save(double, name, sample_data=1), lambda: api.load(name), lambda: api.declare_env("local", name, {})):
        with pytest.raises(UserError):
            attempt()
    assert [path.name for path in folder.iterdir()] == [".mlem.yaml"]
