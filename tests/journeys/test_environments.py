"""Staging and production: one declaration, an overlay for each, and values from the environment."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from mlem.testing import Project


def do(project: Project, *words: str, exit_code: int = 0) -> str:
    done = project.mlem("deployment", *words)
    assert done.returncode == exit_code, (words, done.stdout, done.stderr)
    return done.stdout + done.stderr


def listed(project: Project) -> dict[str, Any]:
    return {one["name"]: one["status"] for one in json.loads(do(project, "list", "--output", "json"))}


@pytest.fixture
def app(project: Project) -> Project:
    project.mlem("declare", "deployment", "local", "app", "--model", "iris")
    (project.folder / "app.staging.mlem").touch()
    (project.folder / "app.prod.mlem").write_text("keep_releases: ${KEEP:-5}\n")
    return project


def test_two_environments_of_one_declaration(app: Project) -> None:
    do(app, "run", "--load", "app", "--overlay", "staging")
    prod = replace(app, environment={"MLEM_OVERLAY": "prod"})
    assert "create" in do(prod, "plan", "app", "--detailed-exitcode", exit_code=10)
    assert "app@prod is running" in do(prod, "run", "--load", "app", "--model", "iris-v2")
    assert listed(app) == {"app": "not_deployed", "app@staging": "running", "app@prod": "running"}
    do(app, "list", "--check")
    assert (app.folder / "app.prod.mlem").read_text() == "keep_releases: ${KEEP:-5}\nmodel: iris-v2\n"
    assert "model: iris\n" in (app.folder / "app.mlem").read_text()
    hashes = {
        name: json.loads(do(app, "releases", name, "--output", "json"))[0]["model_hash"]
        for name in ("app@staging", "app@prod")
    }
    assert len(set(hashes.values())) == 2
    assert do(app, "status", "app", "--overlay", "prod") == "running\n"
    assert do(app, "apply", "app", "new.csv", "--overlay", "prod") == do(prod, "apply", "app", "new.csv")
    do(app, "remove", "app", "--overlay", "staging")
    assert do(prod, "status", "app") == "running\n"
    assert do(prod, "status", "app", "--overlay", "") == "not_deployed\n"


def test_a_plan_under_an_overlay_is_run_as_it_is(app: Project) -> None:
    do(app, "plan", "app", "--overlay", "prod", "--out", "prod.plan")
    other = replace(app, environment={"MLEM_OVERLAY": "staging"})
    assert "app@prod is running" in do(other, "run", "--plan", "prod.plan")
    assert listed(app) == {"app": "not_deployed", "app@staging": "not_deployed", "app@prod": "running"}


def test_what_goes_wrong_says_what_and_where(app: Project) -> None:
    said = do(app, "run", "--load", "app", "--overlay", "prd", exit_code=3)
    assert 'error[no-overlay]: "app" has no overlay "prd"' in said
    assert "known: prod, staging" in said
    said = do(replace(app, environment={"MLEM_OVERLAY": "prd"}), "status", "app", exit_code=3)
    assert "MLEM_OVERLAY is set" in said
    do(app, "status", "app@prod", "--overlay", "staging", exit_code=2)
    do(app, "run", "--overlay", "staging", exit_code=2)
    (app.folder / "app.prod.mlem").write_text("prot: 8080\n")
    assert "app.prod.mlem: prot: unknown field" in do(app, "plan", "app@prod", exit_code=2)
    (app.folder / "app.prod.mlem").write_text("port: ${PORT_OF_PROD}\n")
    said = do(app, "plan", "app@prod", exit_code=2)
    assert "error[unset-variable]: app.prod.mlem: port: the variable PORT_OF_PROD is not set" in said
    wrong = replace(app, environment={"PORT_OF_PROD": "http"})
    assert 'app.prod.mlem: port: expected an integer from 1 to 65535, got "http"' in do(
        wrong, "plan", "app@prod", exit_code=2
    )
    (app.folder / "app.prod.mlem").unlink()
    assert listed(app) == {"app": "not_deployed", "app@staging": "not_deployed"}


def test_an_overlay_is_no_object_of_mlem_04(app: Project) -> None:
    done = app.mlem("migrate")
    assert (done.returncode, done.stdout) == (0, "nothing to do\n"), done.stderr


def test_an_env_is_chosen_for_what_is_declared(app: Project) -> None:
    app.mlem("declare", "env", "local", "here")
    do(app, "plan", "app@prod", "--env", "here", "--out", "prod.plan")
    assert "env" not in (app.folder / "app.prod.mlem").read_text()
    do(app, "run", "--plan", "prod.plan")
    assert (app.folder / "app.prod.mlem").read_text() == "keep_releases: ${KEEP:-5}\nenv: here\n"
    before = (app.folder / "app.mlem").read_text()
    assert 'no env "nowhere"' in do(app, "run", "--load", "app", "--env", "nowhere", exit_code=3)
    assert (app.folder / "app.mlem").read_text() == before
