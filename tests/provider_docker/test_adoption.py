"""A container that MLEM 0.4 started, on a real Engine: taken over by its id, replaced, put back, removed."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlem.clients.probe import responds
from mlem.state.state import is_state_04
from mlem.testing import Project
from mlem_provider_docker.api.sdk import Engine

APP = "app"
SERVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        found = self.path == "/interface.json"
        body = b'{"methods": {}, "version": "0.4.14"}'
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""
"""What of MLEM 0.4's server is asked for: it has an interface, and no address that says whether the model answers."""


@dataclass(frozen=True)
class Old:
    """What MLEM 0.4 left.

    Attributes:
        id: Of the container.
        name: Of the container.
        port: On this machine.
        state: The file.
    """

    id: str
    name: str
    port: int
    state: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def old(request: pytest.FixtureRequest, project: Project, engine: Engine, name: str) -> Iterator[Old]:
    """A container as MLEM 0.4 starts it, with the files as MLEM 0.4 writes them; as a rule it goes when it stops."""
    port = free_port()
    goes = getattr(request, "param", True)
    settings = {"command": ["python3", "-c", SERVER], "ports": {"8080/tcp": port}, "auto_remove": goes, "detach": True}
    id_ = engine.create("python:3.11-slim", name, settings)
    engine.start(id_, name)
    declaration = {
        "container_name": name,
        "object_type": "deployment",
        "ports": [f"{port}:8080"],
        "type": "docker_container",
    }
    found = engine.container(id_)
    assert found is not None
    state = {
        "container_id": id_,
        "container_name": name,
        "declaration": {**declaration, "env": {"object_type": "env", "type": "docker"}},
        "image": {"image_id": found["Image"], "name": name},
        "model_hash": "e53f4a1d376d7f1122d6389c8a1fdcd8",
        "model_link": {"path": "double.mlem", "project": "file:///srv/elsewhere/"},
        "type": "docker_container",
    }
    (project.folder / "dk.mlem").write_text("object_type: env\ntype: docker\n")
    (project.folder / f"{APP}.mlem").write_text(yaml.safe_dump({**declaration, "env": "dk"}))
    path = project.folder / f"{APP}.mlem.state"
    path.write_text(yaml.safe_dump(state))
    made = Old(id_, name, port, path)
    until = time.monotonic() + 60
    while not responds(made.url, "/interface.json", 1.0)[0]:
        assert time.monotonic() < until, "the server did not start"
        time.sleep(0.05)
    yield made
    engine.remove_container(id_)
    if is_state_04(yaml.safe_load(path.read_text()) if path.exists() else {}):
        path.unlink()


def status(project: Project) -> Any:
    return project.json("deployment", "status", APP)["status"]


def migrate(project: Project) -> None:
    done = project.mlem("migrate")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_state_of_0_4_is_known_as_one_and_left_as_it_is_by_every_other_command(project: Project, old: Old) -> None:
    before = old.state.read_bytes()
    words = ("status", "plan --model double", "run --model double --load", "remove", "logs", "releases")
    for command in words:
        done = project.mlem("deployment", *command.split(), APP)
        assert (done.returncode, "error[of-mlem-0-4]" in done.stderr, "mlem migrate" in done.stderr) == (
            2,
            True,
            True,
        ), done.stderr
    assert old.state.read_bytes() == before


def test_a_container_of_0_4_is_taken_over_and_called_running(project: Project, engine: Engine, old: Old) -> None:
    assert "to be taken over: the container" in project.mlem("migrate", "--dry-run").stdout
    migrate(project)
    state = project.handle(APP).state()
    assert state is not None
    assert (status(project), state.records["container"]["id"]) == ("running", old.id)
    assert yaml.safe_load((project.folder / f"{APP}.mlem").read_text())["model"] == "double", (
        "the model that the state names"
    )
    done = project.mlem("deployment", "apply", APP, "double.mlem")
    assert (done.returncode, f"mlem deployment run --load {APP}" in done.stderr) != (0, False)
    again = project.mlem("migrate")
    assert (again.returncode, again.stdout) == (0, "nothing to do\n")
    assert engine.container(old.id) is not None


def test_what_was_taken_over_is_removed_by_its_id(project: Project, engine: Engine, old: Old) -> None:
    migrate(project)
    done = project.mlem("deployment", "remove", APP)
    assert (done.returncode, engine.container(old.id), old.state.exists()) == (0, None, False), done.stderr


def test_the_next_run_replaces_what_was_taken_over_under_its_name_and_port(
    project: Project, engine: Engine, old: Old
) -> None:
    migrate(project)
    plan = {change["step"]: change["action"] for change in project.json("deployment", "plan", APP)["changes"]}
    assert plan == {"image": "create", "container": "replace"}
    done = project.mlem("deployment", "run", "--load", APP)
    assert done.returncode == 0, done.stderr
    state = project.handle(APP).state()
    assert state is not None
    record = state.records["container"]
    assert (record["container_name"], record["port"], engine.container(old.id)) == (old.name, old.port, None)
    assert [release.number for release in state.releases] == [2], "what was taken over is gone, and can't be put back"
    assert status(project) == "running"


def test_what_was_taken_over_serves_again_when_its_successor_fails(project: Project, engine: Engine, old: Old) -> None:
    migrate(project)
    done = project.mlem("deployment", "run", "--load", APP, "--model", "wrong")
    assert (done.returncode, "serves again" in done.stderr) == (8, True), done.stderr
    found = engine.container(old.id)
    assert found is not None
    assert (found["Name"], responds(old.url, "/interface.json", 5.0)) == (f"/{old.name}", (True, ""))
    assert status(project) == "running"
    state = project.handle(APP).state()
    assert state is not None
    assert (engine.containers(state.lineage), engine.images(f"mlem.lineage={state.lineage}")) == ([], []), (
        "nothing is left of the other"
    )


def test_a_run_that_is_refused_leaves_what_was_taken_over_alone(project: Project, engine: Engine, old: Old) -> None:
    migrate(project)
    done = project.mlem("deployment", "run", "--load", APP, "--base_image", "mlem-test/no-such-image:1")
    assert (done.returncode != 0, responds(old.url, "/interface.json", 5.0)) == (True, (True, "")), done.stderr
    assert (status(project), engine.container(old.id) is not None) == ("running", True)


def test_what_goes_when_it_stops_is_not_started_again(project: Project, engine: Engine, old: Old) -> None:
    migrate(project)
    before = engine.container(old.id)
    done = project.mlem("deployment", "restart", APP)
    assert (done.returncode, "error[goes-when-stopped]" in done.stderr) == (4, True), done.stderr
    after = engine.container(old.id)
    assert before is not None
    assert after is not None
    assert before["State"]["StartedAt"] == after["State"]["StartedAt"]


@pytest.mark.parametrize("old", [False], indirect=True)
def test_restart_starts_what_was_taken_over_again(project: Project, engine: Engine, old: Old) -> None:
    migrate(project)
    before = engine.container(old.id)
    done = project.mlem("deployment", "restart", APP)
    assert done.returncode == 0, done.stderr
    after = engine.container(old.id)
    assert before is not None
    assert after is not None, "the Engine removed it"
    assert before["State"]["StartedAt"] != after["State"]["StartedAt"]


@pytest.mark.parametrize("known_as", ["name", "short"])
def test_a_name_and_a_short_id_take_nothing_over(project: Project, engine: Engine, old: Old, known_as: str) -> None:
    content = yaml.safe_load(old.state.read_text())
    old.state.write_text(yaml.safe_dump({**content, "container_id": old.name if known_as == "name" else old.id[:12]}))
    before = old.state.read_bytes()
    done = project.mlem("migrate")
    assert (done.returncode, "expected the 64 hex digits" in done.stdout, old.state.read_bytes()) == (2, True, before)


def test_a_container_that_is_not_here_may_be_elsewhere(
    project: Project, engine: Engine, old: Old, other_engine: str
) -> None:
    before = old.state.read_bytes()
    elsewhere = Project(project.folder, {"DOCKER_HOST": other_engine})
    done = elsewhere.mlem("migrate", "--output", "json")
    files = {file["kind"]: file for file in json.loads(done.stdout)["files"]}
    assert (done.returncode, files["state"]["error"]["code"], old.state.read_bytes()) == (
        3,
        "container-not-found",
        before,
    )
    migrate(project)
    assert status(project) == "running", "the same command where it is"


def test_nothing_deployed_is_set_aside(project: Project, engine: Engine, old: Old) -> None:
    content = yaml.safe_load(old.state.read_text())
    old.state.write_text(yaml.safe_dump({**content, "container_id": None}))
    migrate(project)
    assert (status(project), old.state.exists(), Path(f"{old.state}.04").exists()) == ("not_deployed", False, True)


def test_a_try_that_was_cut_off_is_repeated(project: Project, old: Old) -> None:
    content = old.state.read_bytes()
    Path(f"{old.state}.04").write_bytes(b"somebody's own file")
    migrate(project)
    first = project.handle(APP).state()
    old.state.write_bytes(content)  # as if the state had not been written
    migrate(project)
    second = project.handle(APP).state()
    assert first is not None
    assert second is not None
    assert (first.lineage, first.records) == (second.lineage, second.records)
    assert Path(f"{old.state}.04").read_bytes() == b"somebody's own file"
    assert Path(f"{old.state}.04-2").read_bytes() == content


def test_a_state_that_is_shared_is_met_and_taken_over_where_it_is(project: Project, engine: Engine, old: Old) -> None:
    shared = project.folder / "states" / ".mlem.state" / APP
    shared.parent.mkdir(parents=True)
    content = old.state.read_bytes()
    shared.write_bytes(content)
    old.state.unlink()
    assert project.mlem("config", "set", "core.state.uri", "states").returncode == 0
    for command in ("status", "plan --model double", "run --model double --load"):
        done = project.mlem("deployment", *command.split(), APP)
        assert (done.returncode, "error[of-mlem-0-4]" in done.stderr) == (2, True), done.stderr
    migrate(project)
    assert (status(project), shared.exists(), shared.with_name(f"{APP}.04").read_bytes()) == ("running", False, content)
    assert project.mlem("migrate").stdout == "nothing to do\n"
    done = project.mlem("deployment", "remove", APP)
    assert (done.returncode, engine.container(old.id)) == (0, None), done.stderr
    assert status(project) == "not_deployed"


@pytest.fixture
def by_hand(engine: Engine, name: str) -> Iterator[Old]:
    """A container that somebody started by hand, whose server answers nothing that we know."""
    port = free_port()
    command = ["python3", "-m", "http.server", "8000"]
    id_ = engine.create("python:3.11-slim", name, {"command": command, "ports": {"8000/tcp": port}, "detach": True})
    engine.start(id_, name)
    yield Old(id_, name, port, Path())
    engine.remove_container(id_)


def test_a_container_that_somebody_started_is_adopted_replaced_and_put_back(
    project: Project, engine: Engine, by_hand: Old
) -> None:
    refused = project.mlem("deployment", "adopt", "docker_container", APP, "--from", "no-such-container")
    assert (refused.returncode, "error[nothing-to-take-over]" in refused.stderr) == (3, True), refused.stderr
    assert not (project.folder / f"{APP}.mlem").exists()
    words = ["deployment", "adopt", "docker_container", APP, "--from", by_hand.name, "--model", "double"]
    done = project.mlem(*words)
    assert (done.returncode, by_hand.id[:12] in done.stdout) == (0, True), done.stderr
    declared = yaml.safe_load((project.folder / f"{APP}.mlem").read_text())
    assert (declared["container_name"], declared["port"], declared["model"]) == (by_hand.name, by_hand.port, "double")
    assert project.handle(APP).wait().phase == "running"
    called = project.mlem("deployment", "apply", APP, "double.mlem")
    assert (called.returncode, "what somebody else deployed" in called.stderr) != (0, False), called.stderr
    again = project.mlem(*words)
    assert (again.returncode, "error[has-a-state]" in again.stderr) == (4, True), again.stderr

    failed = project.mlem("deployment", "run", "--load", APP, "--model", "wrong")
    assert (failed.returncode, "serves again" in failed.stderr, status(project)) == (8, True, "running"), failed.stderr
    done = project.mlem("deployment", "run", "--load", APP, "--model", "double")
    assert (done.returncode, engine.container(by_hand.id)) == (0, None), done.stderr
    assert project.json("deployment", "status", APP)["url"].endswith(f":{by_hand.port}")


def test_what_is_ours_is_recovered_and_not_adopted(project: Project, engine: Engine, name: str) -> None:
    assert project.run("docker", "shop", "double", ["--container_name", name]).returncode == 0
    words = ["deployment", "adopt", "docker_container", APP, "--from", name]
    refused = project.mlem(*words)
    assert (refused.returncode, 'the mlem deployment "shop"' in refused.stderr) == (4, True), refused.stderr
    assert project.mlem("deployment", "remove", "shop").returncode == 0
