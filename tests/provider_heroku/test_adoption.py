"""An app that MLEM 0.4 made, on the simulator.

Taken over with our mark, its key kept out of files, replaced, put back, removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlem.testing import SAMPLE, Project
from mlem_heroku_simulator import HerokuSimulator
from mlem_provider_heroku.names import LINEAGE_VAR

CANARY = "canary-5d01-key"


@pytest.fixture
def old(project: Project, heroku: HerokuSimulator, name: str) -> Iterator[Path]:
    """An app without a mark, and a declaration, an env and a state as MLEM 0.4 writes them.

    The key is in two of them.
    """
    made = project.run("heroku", "app", "double", ["--env", "staging", "--app_name", name])
    assert made.returncode == 0, made.stderr
    app = heroku.app(name)
    del app.config_vars[LINEAGE_VAR]
    env = {**yaml.safe_load((project.folder / "staging.mlem").read_text()), "api_key": CANARY}
    declaration = {"app_name": name, "object_type": "deployment", "stack": "container", "type": "heroku"}
    state = {
        "app": {"meta_info": {"id": app.id, "name": name}, "name": name, "web_url": f"https://{name}.herokuapp.com/"},
        "declaration": {**declaration, "env": env},
        "image": {
            "image_id": "sha256:9623",
            "name": "web",
            "registry": {"api_key": CANARY, "type": "heroku"},
            "repository": name,
        },
        "model_hash": "9623ee9c98640ab1ee60e15ea05ee10f",
        "model_link": {"path": "double.mlem", "project": "file:///srv/elsewhere/"},
        "release_state": [{"id": "f"}],
        "type": "heroku",
    }
    (project.folder / "staging.mlem").write_text(yaml.safe_dump(env))
    (project.folder / "app.mlem").write_text(yaml.safe_dump({**declaration, "env": "staging"}))
    path = project.folder / "app.mlem.state"
    path.write_text(yaml.safe_dump(state))
    yield path
    if path.exists() and "lineage" not in path.read_text():
        path.unlink()


def status(project: Project) -> Any:
    project.handle("app").wait()  # what sets the mark starts the dynos again
    return project.json("deployment", "status", "app")["status"]


def test_an_app_of_0_4_is_taken_over_replaced_and_removed(
    project: Project, heroku: HerokuSimulator, old: Path, name: str
) -> None:
    app = heroku.app(name)
    done = project.mlem("migrate")
    assert done.returncode == 0, done.stdout + done.stderr
    state = project.handle("app").state()
    assert state is not None
    assert (app.config_vars[LINEAGE_VAR], status(project)) == (state.lineage, "running")
    assert project.mlem("migrate").stdout == "nothing to do\n"

    failed = project.mlem("deployment", "run", "--load", "app", "--model", "wrong")
    assert (failed.returncode, "serves again" in failed.stderr, status(project)) == (8, True, "running"), failed.stderr

    done = project.mlem("deployment", "run", "--load", "app", "--model", "triple")
    assert done.returncode == 0, done.stderr
    with project.handle("app").get_client() as client:
        assert client.predict(SAMPLE) == [3.0, 6.0, 9.0]
    assert heroku.app(name).id == app.id, "the same app"
    assert project.mlem("deployment", "remove", "app").returncode == 0
    assert heroku.apps_of(state.lineage) == []


def test_the_key_reaches_no_new_file_and_no_message(project: Project, old: Path) -> None:
    done = [
        project.mlem("migrate", "--dry-run"),
        project.mlem("migrate", "--output", "json"),
        project.mlem("deployment", "status", "app"),
    ]
    said = "".join(each.stdout + each.stderr for each in done)
    assert CANARY not in said
    assert "HEROKU_API_KEY" in said
    found = {
        path.name: path for path in project.folder.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()
    }
    assert sorted(found) == ["app.mlem.state.04", "staging.mlem.04"], (
        "the old files alone, which their owner is told of"
    )
    assert {oct(path.stat().st_mode & 0o777) for path in found.values()} == {"0o600"}
    assert all(each in said for each in found)


def test_without_a_key_the_state_waits_and_the_rest_is_migrated(
    project: Project, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, before = os.environ["HEROKU_API_KEY"], old.read_bytes()
    monkeypatch.delenv("HEROKU_API_KEY")
    done = project.mlem("migrate", "--output", "json")
    files = {file["path"]: file for file in json.loads(done.stdout)["files"]}
    assert (done.returncode, files["app.mlem.state"]["error"]["code"], files["staging.mlem"]["action"]) == (
        6,
        "no-api-key",
        "rewritten",
    )
    assert "export HEROKU_API_KEY=" in files["app.mlem.state"]["error"]["hint"]
    assert old.read_bytes() == before
    monkeypatch.setenv("HEROKU_API_KEY", key)
    assert (project.mlem("migrate").returncode, status(project)) == (0, "running")


def test_an_app_of_another_deployment_is_not_taken_over(
    project: Project, heroku: HerokuSimulator, old: Path, name: str
) -> None:
    heroku.app(name).config_vars[LINEAGE_VAR] = "f" * 32
    before = old.read_bytes()
    done = project.mlem("migrate")
    assert (done.returncode, "error[not-ours]" in done.stdout, old.read_bytes()) == (4, True, before)
    assert heroku.app(name).config_vars[LINEAGE_VAR] == "f" * 32


@pytest.mark.parametrize("app", ["../../account", "Iris", "a" * 40, "x?y"])
def test_what_is_not_a_name_of_an_app_is_not_asked_for(
    project: Project, heroku: HerokuSimulator, old: Path, app: str
) -> None:
    content = yaml.safe_load(old.read_text())
    old.write_text(yaml.safe_dump({**content, "app": {"name": app, "meta_info": {"id": "../account"}}}))
    heroku.api.exchanges.clear()
    done = project.mlem("migrate")
    assert (done.returncode, "this is not a name of an app" in done.stdout, list(heroku.api.exchanges)) == (2, True, [])


def test_an_app_that_somebody_made_is_adopted_replaced_and_removed(
    project: Project, heroku: HerokuSimulator, old: Path, name: str
) -> None:
    for path in (old, project.folder / "app.mlem"):
        path.unlink()
    env = project.folder / "staging.mlem"
    env.write_text(env.read_text().replace(f"api_key: {CANARY}\n", ""))
    app = heroku.app(name)
    words = ["deployment", "adopt", "heroku", "app", "--from", name, "--model", "triple", "--env", "staging"]
    done = project.mlem(*words)
    assert (done.returncode, name in done.stdout, LINEAGE_VAR in done.stderr) == (0, True, True), done.stderr
    state = project.handle("app").state()
    assert state is not None
    assert (app.config_vars[LINEAGE_VAR], status(project)) == (state.lineage, "running")
    done = project.mlem("deployment", "run", "--load", "app")
    assert done.returncode == 0, done.stderr
    with project.handle("app").get_client() as client:
        assert client.predict(SAMPLE) == [3.0, 6.0, 9.0]
    assert heroku.app(name).id == app.id, "the same app"
    assert project.mlem("deployment", "remove", "app").returncode == 0
    assert heroku.apps_of(state.lineage) == []


def test_an_app_that_is_not_there_is_nothing_to_adopt(project: Project) -> None:
    done = project.mlem("deployment", "adopt", "heroku", "app", "--from", "no-such-app", "--env", "staging")
    assert (done.returncode, "error[nothing-to-take-over]" in done.stderr) == (3, True), done.stderr
    assert not (project.folder / "app.mlem").exists()
