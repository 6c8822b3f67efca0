"""A project as MLEM 0.4 left it, with every provider installed: files as MLEM 0.4.14 wrote them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlem.testing import Project

FILES = {
    "dc.mlem": """\
container_name: myc
env:
  object_type: env
  type: docker
image:
  name: img
  tag: v7
object_type: deployment
params:
  mem_limit: 1g
ports:
- 8080:8080
server:
  type: fastapi
type: docker_container
""",
    "dk.mlem": "object_type: env\nregistry:\n  host: 127.0.0.1:5000\n  type: remote\ntype: docker\n",
    "h2.mlem": "app_name: my-app\nobject_type: deployment\nstate_manager:\n  type: local\ntype: heroku\n",
    "h2.mlem.state": """\
app:
  meta_info:
    id: '01234'
    name: my-app
    web_url: https://my-app.herokuapp.com/
  name: my-app
  web_url: https://my-app.herokuapp.com/
declaration:
  app_name: my-app
  env:
    object_type: env
    type: heroku
  object_type: deployment
  state_manager:
    type: local
  type: heroku
image:
  image_id: sha256:9623
  name: web
  registry:
    type: heroku
  repository: my-app
model_hash: 9623ee9c98640ab1ee60e15ea05ee10f
model_link:
  path: models/rf2.mlem
  project: file:///srv/project/
release_state:
- id: f
type: heroku
""",
    "sm.mlem": "env: smenv\nobject_type: deployment\ntype: sagemaker\n",
    "smenv.mlem": """\
account: '123456789012'
bucket: bkt
ecr_repository: repo
object_type: env
region: us-east-1
role: mlem
type: sagemaker
""",
    "staging.mlem": "api_key: canary-key-5521\nobject_type: env\ntype: heroku\n",
    "x.csv.mlem": """\
artifacts:
  data:
    hash: 2eb98244615452a3d6ca534d926d602e
    size: 150
    uri: x.csv
object_type: data
reader:
  data_type:
    columns: [a, b]
    dtypes: [float64, float64]
    index_cols: []
    type: dataframe
  format: csv
  type: pandas
requirements:
- module: pandas
  version: 2.1.4
""",
}


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """The project; its settings are the empty file that ``mlem init`` of MLEM 0.4 makes."""
    monkeypatch.delenv("HEROKU_API_KEY", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / ".mlem.yaml").touch()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return Project(folder)


def content(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.folder.iterdir()}


def read(project: Project, name: str) -> Any:
    return yaml.safe_load((project.folder / name).read_text())


def test_a_dry_run_says_everything_and_changes_nothing(old: Project) -> None:
    before = content(old)
    done = old.mlem("migrate", "--dry-run")
    assert content(old) == before
    assert done.returncode == 0, done.stdout
    for words in (
        "dc.mlem: deployment docker_container, to be rewritten",
        "h2.mlem.state: state heroku, to be taken over: the app my-app",
    ):
        assert words in done.stdout


def test_a_whole_project_is_migrated_file_by_file(old: Project) -> None:
    done = old.mlem("migrate", "--output", "json")
    files = {file["path"]: file for file in json.loads(done.stdout)["files"]}
    assert {name: file["action"] for name, file in files.items()} == {
        "dc.mlem": "rewritten",
        "dk.mlem": "rewritten",
        "h2.mlem.state": "failed",
        "smenv.mlem": "rewritten",
        "staging.mlem": "rewritten",
        "x.csv.mlem": "read as it is",
    }
    assert (done.returncode, files["h2.mlem.state"]["error"]["code"]) == (6, "no-api-key"), (
        "the platform has to be asked"
    )
    assert read(old, "dc.mlem") == {
        "container_name": "myc",
        "env": {"object_type": "env", "type": "docker"},
        "image_name": "img",
        "image_tag": "v7",
        "run_arguments": {"mem_limit": "1g"},
        "port": 8080,
        "bind_address": "0.0.0.0",
        "object_type": "deployment",
        "type": "docker_container",
    }
    assert read(old, "dk.mlem") == {"object_type": "env", "registry": {"host": "127.0.0.1:5000"}, "type": "docker"}
    assert read(old, "smenv.mlem") == {
        "ecr_repository": "repo",
        "object_type": "env",
        "region": "us-east-1",
        "role": "mlem",
        "type": "sagemaker",
    }
    assert read(old, "staging.mlem") == {"object_type": "env", "type": "heroku"}
    for name in ("dc.mlem", "dk.mlem", "smenv.mlem", "staging.mlem"):
        assert ((old.folder / f"{name}.04").read_text(), files[name]["backup"]) == (FILES[name], f"{name}.04")
    assert "canary" not in done.stdout + done.stderr
    for name in ("h2.mlem", "h2.mlem.state", "sm.mlem", "x.csv.mlem"):
        assert (old.folder / name).read_text() == FILES[name], "what waits, and what is of both versions"
    assert {file["path"] for file in json.loads(old.mlem("migrate", "--output", "json").stdout)["files"]} == {
        "h2.mlem.state",
        "x.csv.mlem",
    }


def test_one_object_is_migrated_alone(old: Project) -> None:
    for name in ("dk", "dk.mlem"):
        assert old.mlem("migrate", name).returncode == 0
    assert sorted(path.name for path in old.folder.glob("*.04")) == ["dk.mlem.04"]


@pytest.mark.parametrize("command", ["status", "remove", "logs", "releases", "plan --model x", "run --model x --load"])
def test_every_command_that_meets_a_state_of_0_4_says_what_to_do(old: Project, command: str) -> None:
    Project.make(old.folder).save("x", 2.0)
    done = old.mlem("deployment", *command.split(), "h2")
    assert (done.returncode, "error[of-mlem-0-4]" in done.stderr, "hint: mlem migrate" in done.stderr) == (
        2,
        True,
        True,
    ), done.stderr
    assert "backup" not in done.stderr


def test_every_command_that_meets_a_declaration_of_0_4_says_what_to_do(old: Project) -> None:
    (old.folder / "app.mlem").write_text("app_name: my-app\nenv: staging\nobject_type: deployment\ntype: heroku\n")
    (old.folder / "k.mlem").write_text("namespace: ml\nobject_type: deployment\ntype: kubernetes\n")
    for name, code in (("app", "of-mlem-0-4"), ("sm", "of-mlem-0-4"), ("k", "unknown-type")):
        done = old.mlem("deployment", "status", name)
        assert (f"error[{code}]" in done.stderr, "mlem migrate" in done.stderr, "canary" in done.stderr) == (
            True,
            True,
            False,
        ), done.stderr
    (old.folder / ".mlem.yaml").write_text("pandas:\n  default_format: csv\n")
    done = old.mlem("deployment", "status", "dc")
    assert (done.returncode, "mlem migrate" in done.stderr) == (2, True), done.stderr
