"""One schema for the files of a project: editors say what a declaration may have, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from mlem import api
from mlem.testing import Project
from mlem.testing.fake import FakePlatform


@pytest.fixture
def wrong(platform: FakePlatform) -> Any:
    """Return what is wrong with a file, by the schema."""
    judge = jsonschema.Draft7Validator(api.schema())

    def found(text: str) -> list[str]:
        return [error.message for error in judge.iter_errors(yaml.safe_load(text))]

    return found


def test_files_that_are_declared_are_right(project: Project, platform: FakePlatform, wrong: Any) -> None:
    api.declare_env("fake", "prod", {"region": "there"}, project=project.folder)
    api.declare_deployment("fake", "app", {"model": "double", "env": "prod", "size": 3}, project=project.folder)
    api.declare_deployment("fake", "other", {"env": {"region": "there"}}, project=project.folder)
    for name in ("prod", "app", "other", "double"):
        assert wrong((project.folder / f"{name}.mlem").read_text()) == [], name


APP = "object_type: deployment\ntype: fake_deployment\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{APP}sise: 3\n",
        f"{APP}size: many\n",
        f"{APP}keep_releases: 0\n",
        f"{APP}env: {{rejion: there}}\n",
        "object_type: deployment\ntype: no_such_type\n",
        "object_type: env\ntype: fake\nrejion: there\n",
    ],
)
def test_what_is_wrong_is_told(text: str, wrong: Any) -> None:
    assert wrong(text)


@pytest.mark.parametrize(
    "text",
    [
        f"{APP}size: ${{SIZE:-3}}\n",
        f"{APP}gate_timeout_s: ${{SECONDS}}\n",
        "object_type: model\nmodel_type: callable\n",
        "object_type: dataset\n",
    ],
)
def test_variables_and_other_objects_are_let_pass(text: str, wrong: Any) -> None:
    assert wrong(text) == []


def test_a_field_is_described_with_its_unit_and_its_default(platform: FakePlatform) -> None:
    field = api.schema()["definitions"]["deployment.fake_deployment"]["properties"]["gate_timeout_s"]
    assert field["description"].endswith("Unit: s. Default: 120.0.")


def test_init_wires_editors_and_leaves_settings_of_the_users_own(project: Project, tmp_path: Path) -> None:
    done = Project(tmp_path).mlem("init", "new")
    assert done.returncode == 0, done.stderr
    settings = json.loads((tmp_path / "new" / ".vscode" / "settings.json").read_text())
    named = next(iter(settings["yaml.schemas"]))
    schema = json.loads((tmp_path / "new" / named).read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    assert isinstance(schema["definitions"], dict)
    assert named in (tmp_path / "new" / ".gitignore").read_text()
    own = '{"editor.rulers": [100]} // mine'
    (tmp_path / "new" / ".vscode" / "settings.json").write_text(own)
    again = Project(tmp_path).mlem("init", "new")
    assert (again.returncode, "yaml.schemas" in again.stderr) == (0, True), again.stderr
    assert (tmp_path / "new" / ".vscode" / "settings.json").read_text() == own
