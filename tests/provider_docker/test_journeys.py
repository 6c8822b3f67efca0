"""The command line on a real Engine: deploy, replace, roll back, repair, remove; what is not ours stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlem import Phase, Status
from mlem.testing import SAMPLE, Project
from mlem_image import LINEAGE_LABEL
from mlem_provider_docker.api.sdk import Engine

APP = "app"
FOLLOW = ["deployment", "logs", APP, "--follow"]


def wait_until(what: str, happened: Callable[[], bool], timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not happened():
        assert time.monotonic() < deadline, f"{what} did not happen within {timeout_s} s"
        time.sleep(0.02)


def deploy(project: Project, name: str, model: str = "double", *options: str) -> None:
    done = project.run("docker", APP, model, ["--container_name", name, *options])
    assert done.returncode == 0, done.stderr


def answers(project: Project) -> Any:
    with project.handle(APP).get_client() as client:
        return client.predict(SAMPLE)


def record(project: Project, step: str = "container") -> dict[str, Any]:
    state = project.handle(APP).state()
    assert state is not None
    return dict(state.records[step])


def lineage(project: Project) -> str:
    state = project.handle(APP).state()
    assert state is not None
    return state.lineage


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def stranger(engine: Engine, warm: None, name: str) -> Iterator[str]:
    """A running container of somebody else under the name that a test wants."""
    id_ = engine.create(
        "python:3.11-slim", name, {"command": ["sleep", "600"], "labels": {"com.docker.compose.project": "shop"}}
    )
    engine.start(id_, name)
    yield id_
    engine.remove_container(id_)


def test_a_replacement_on_a_free_port_lets_the_old_one_serve_until_the_gate(
    project: Project, engine: Engine, name: str
) -> None:
    deploy(project, name)
    first = record(project)
    assert answers(project) == [2.0, 4.0, 6.0]
    deploy(project, name, "triple")
    second = record(project)
    assert answers(project) == [3.0, 6.0, 9.0]
    assert (engine.container(first["id"]), second["port"] != first["port"]) == (None, True)
    assert [found["Names"] for found in engine.containers(lineage(project))] == [[f"/{name}"]]


def test_a_fixed_port_is_kept_and_the_plan_says_what_it_costs(project: Project, name: str) -> None:
    port = free_port()
    deploy(project, name, "double", "--port", str(port))
    changes = {
        change["step"]: change for change in project.json("deployment", "plan", APP, "--model", "triple")["changes"]
    }
    start_s = record(project)["start_s"]
    assert changes["container"]["downtime"] == (
        f"about {start_s:.1f} s as at the last start, twice that if the gate fails: "
        f"port {port} can't be shared; a free port has no gap"
    )
    deploy(project, name, "triple")
    assert (record(project)["port"], answers(project)) == (port, [3.0, 6.0, 9.0])
    done = project.run("docker", APP, "wrong")
    assert done.returncode == 8, done.stderr
    assert (record(project)["port"], answers(project)) == (port, [3.0, 6.0, 9.0])
    assert "when the model was saved" in done.stderr, "the failed container's logs are shown"


def test_a_failing_replacement_leaves_the_very_container_that_served(
    project: Project, engine: Engine, name: str
) -> None:
    deploy(project, name)
    before = record(project)["id"]
    assert project.run("docker", APP, "wrong").returncode == 8
    assert [found["Id"] for found in engine.containers(lineage(project))] == [before]
    assert project.handle(APP).status() == Status(Phase.RUNNING)
    assert len(engine.images(f"{LINEAGE_LABEL}={lineage(project)}")) == 1


def test_images_are_kept_as_far_back_as_rollback_reaches(project: Project, engine: Engine, name: str) -> None:
    options = ["--keep_releases", "2"]
    deploy(project, name, "double", *options)
    deploy(project, name, "triple", *options)
    project.save("four", 4.0)
    deploy(project, name, "four", *options)
    assert len(engine.images(f"{LINEAGE_LABEL}={lineage(project)}")) == 2
    done = project.mlem("deployment", "rollback", APP)
    assert done.returncode == 0, done.stderr
    assert answers(project) == [3.0, 6.0, 9.0]


def test_every_option_reaches_the_container(project: Project, engine: Engine, name: str, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    options = {
        "memory_mib": "200",
        "cpus": "0.5",
        "restart_policy": "on-failure",
        "log_max_mib": "6",
        "read_only": "",
        "container_port": "9999",
        "environment.A": "1",
        "labels.team": "nlp",
        "volumes": f"{tmp_path / 'data'}:/data:ro",
        "run_arguments.shm_size": "32m",
        "image_name": f"{name}/team",
    }
    arguments = [f"--{key}" if not value else f"--{key}={value}" for key, value in options.items()]
    deploy(project, name, "double", *arguments)
    found = engine.container(name)
    assert found is not None
    host, config = found["HostConfig"], found["Config"]
    seen = {
        "memory": host["Memory"],
        "swap": host["MemorySwap"],
        "cpus": host["NanoCpus"],
        "restart": host["RestartPolicy"]["Name"],
        "read_only": host["ReadonlyRootfs"],
        "binds": host["Binds"],
        "log": host["LogConfig"]["Config"],
        "shm": host["ShmSize"],
        "ports": list(host["PortBindings"]),
        "capabilities": host["CapDrop"],
        "variables": sorted(item for item in config["Env"] if item.startswith(("A=", "PORT="))),
        "team": config["Labels"]["team"],
        "user": config["User"],
        "image": config["Image"].split(":")[0],
    }
    assert seen == {
        "memory": 200 * 2**20,
        "swap": 200 * 2**20,
        "cpus": 500_000_000,
        "restart": "on-failure",
        "read_only": True,
        "binds": [f"{tmp_path / 'data'}:/data:ro"],
        "log": {"max-size": "2048k", "max-file": "3"},
        "shm": 32 * 2**20,
        "ports": ["9999/tcp"],
        "capabilities": ["ALL"],
        "variables": ["A=1", "PORT=9999"],
        "team": "nlp",
        "user": "10001:10001",
        "image": f"{name}/team",
    }
    assert answers(project) == [2.0, 4.0, 6.0]


def test_a_secret_is_passed_and_written_nowhere(
    project: Project, engine: Engine, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = "canary-77aa"
    monkeypatch.setenv("SERVICE_TOKEN", canary)
    deploy(project, name, "double", "--pass_environment", "SERVICE_TOKEN")
    found = engine.container(name)
    assert found is not None
    assert f"SERVICE_TOKEN={canary}" in found["Config"]["Env"]
    assert [path for path in project.folder.rglob("*") if path.is_file() and canary.encode() in path.read_bytes()] == []
    assert {change.action for change in project.handle(APP).plan()} == {"keep"}
    monkeypatch.setenv("SERVICE_TOKEN", "canary-rotated")
    [rotated] = [change for change in project.handle(APP).plan() if change.action != "keep"]
    assert (rotated.step, rotated.reason, "canary" in repr(rotated)) == (
        "container",
        "the value of SERVICE_TOKEN",
        False,
    )
    deploy(project, name, "double", "--pass_environment", "SERVICE_TOKEN")
    found = engine.container(name)
    assert found is not None
    assert "SERVICE_TOKEN=canary-rotated" in found["Config"]["Env"]
    assert [release.number for release in project.handle(APP).releases()] == [1]
    monkeypatch.delenv("SERVICE_TOKEN")
    before = record(project), found["Id"], found["State"]["StartedAt"]
    for command in (["plan", APP, "--model", "triple"], ["run", "docker", APP, "--model", "triple"], ["restart", APP]):
        done = project.mlem("deployment", *command)
        assert (done.returncode, "export SERVICE_TOKEN=" in done.stderr) == (2, True), (command, done.stderr)
    found = engine.container(name)
    assert found is not None
    assert (record(project), found["Id"], found["State"]["StartedAt"]) == before
    assert answers(project) == [2.0, 4.0, 6.0]


def test_an_engine_without_gpus_says_so(project: Project, engine: Engine, name: str) -> None:
    done = project.mlem(
        "deployment", "run", "docker", APP, "--model", "double", "--container_name", name, "--gpus", "all"
    )
    if done.returncode == 0:
        found = engine.container(name)
        assert found is not None
        assert found["HostConfig"]["DeviceRequests"][0]["Count"] == -1
        return
    assert (done.returncode, "error[no-gpu]" in done.stderr) == (7, True), done.stderr
    assert "leave --gpus out" in done.stderr
    assert engine.container(name) is None


@pytest.mark.parametrize("given", ["0", "-1", "some", "device=", "all;rm", "true"])
def test_a_count_of_gpus_that_is_none_is_refused(project: Project, given: str) -> None:
    done = project.mlem("deployment", "run", "docker", APP, "--model", "double", f"--gpus={given}")
    assert (done.returncode, "gpus" in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("deed", ["memory", "restart policy", "network"])
def test_what_somebody_changes_of_the_container_is_seen_and_put_right(
    project: Project, engine: Engine, name: str, deed: str
) -> None:
    deploy(project, name, "double", "--memory_mib", "256")
    before = record(project)["id"]
    assert project.mlem("deployment", "status", APP, "--check").returncode == 0
    deeds = {
        "memory": ["update", "--memory", "512m", "--memory-swap", "512m", before],
        "restart policy": ["update", "--restart", "no", before],
        "network": ["network", "disconnect", "bridge", before],
    }
    subprocess.run(["docker", *deeds[deed]], check=True, capture_output=True)
    fields = {
        "memory": "memory_mib 512 -> 256",
        "restart policy": "restart_policy no -> unless-stopped",
        "network": "network disconnected -> none",
    }
    checked = project.mlem("deployment", "status", APP, "--check")
    assert (checked.returncode, f"container differs: {fields[deed]}" in checked.stderr) == (10, True), checked.stderr
    [change] = [change for change in project.handle(APP).plan() if change.action != "keep"]
    assert (change.action, change.reason) == ("replace", fields[deed])
    assert project.mlem("deployment", "run", "--load", APP).returncode == 0
    assert (record(project)["id"] != before, answers(project)) == (True, [2.0, 4.0, 6.0])
    assert {change.action for change in project.handle(APP).plan()} == {"keep"}
    assert len(engine.containers(lineage(project))) == 1


def test_what_a_crashed_container_wrote_last_is_told_when_another_takes_its_place(project: Project, name: str) -> None:
    deploy(project, name, "double", "--restart_policy", "no")
    subprocess.run(["docker", "kill", record(project)["id"]], check=True, capture_output=True)
    done = project.mlem("deployment", "run", "--load", APP, "--model", "triple")
    assert (done.returncode, "what is replaced had crashed (the container" in done.stderr) == (0, True), done.stderr
    assert any(line.startswith("    | ") and "ready: POST" in line for line in done.stderr.splitlines()), done.stderr


def test_a_restart_puts_a_new_container_in_the_place_of_the_one_that_serves(
    project: Project, engine: Engine, name: str
) -> None:
    port = free_port()
    deploy(project, name, "double", "--port", str(port))
    before = record(project)["id"]
    done = project.mlem("deployment", "restart", APP)
    assert done.returncode == 0, done.stderr
    assert (record(project)["id"] != before, record(project)["port"], answers(project)) == (True, port, [2.0, 4.0, 6.0])
    assert ([release.number for release in project.handle(APP).releases()], engine.container(before)) == ([1], None)
    assert len(engine.containers(lineage(project))) == 1


def test_what_is_as_it_should_be_and_does_not_answer_is_started_again(
    project: Project, engine: Engine, name: str
) -> None:
    deploy(project, name, "double", "--gate_timeout_s", "5")
    before = record(project)["id"]
    for process in engine.api.top(before)["Processes"]:
        os.kill(int(process[1]), signal.SIGSTOP)
    assert {change.action for change in project.handle(APP).plan()} == {"keep"}
    assert project.handle(APP).run().changed is True
    assert (record(project)["id"] != before, answers(project)) == (True, [2.0, 4.0, 6.0])


@pytest.mark.parametrize("deed", ["stop", "remove", "restart", "pause", "rename", "replace"])
def test_what_happens_behind_our_back_is_found_and_put_right(
    project: Project, engine: Engine, name: str, deed: str
) -> None:
    deploy(project, name)
    id_, port = record(project)["id"], record(project)["port"]
    replacement = None
    if deed == "stop":
        engine.stop(id_, 5)
    elif deed == "remove":
        engine.remove_container(id_)
    elif deed == "restart":
        engine.api.restart(id_)
    elif deed == "pause":
        engine.api.pause(id_)
    elif deed == "rename":
        engine.rename(id_, f"{name}-elsewhere")
    else:
        engine.remove_container(id_)
        replacement = engine.create("python:3.11-slim", name, {"command": ["sleep", "600"]})
    handle = project.handle(APP)
    try:
        if deed == "restart":
            wait_until("a restart", lambda: handle.status().phase is Phase.RUNNING)
            assert {change.action for change in handle.plan()} == {"keep"}
            return
        if deed != "rename":
            assert handle.status().phase is not Phase.RUNNING
        if replacement:
            for command in (["plan", APP], ["run", "--load", APP]):
                done = project.mlem("deployment", *command)
                assert (done.returncode, "was not made by mlem" in done.stderr) == (4, True), done.stderr
            engine.remove_container(replacement)
        assert [change.action for change in handle.plan()] == [
            "keep",
            "create" if deed in ("remove", "replace") else "update",
        ]
        done = project.mlem("deployment", "run", "--load", APP)
        assert done.returncode == 0, done.stderr
    finally:
        if replacement:
            engine.remove_container(replacement)
    assert (answers(project), record(project)["port"]) == ([2.0, 4.0, 6.0], port)
    assert [release.number for release in handle.releases()] == [1]
    assert [found["Names"] for found in engine.containers(lineage(project))] == [[f"/{name}"]]


def test_a_strangers_container_is_not_touched(project: Project, engine: Engine, name: str, stranger: str) -> None:
    done = project.run("docker", APP, "double", ["--container_name", name])
    assert (done.returncode, 'belongs to the compose project "shop"' in done.stderr) == (4, True), done.stderr
    assert not (project.folder / f"{APP}.mlem").exists()
    found = engine.container(stranger)
    assert found is not None
    assert found["State"]["Running"] is True


def test_another_deployments_container_is_not_touched(
    project: Project, engine: Engine, name: str, tmp_path: Path
) -> None:
    deploy(project, name)
    other = Project.make(tmp_path / "other")
    other.save("triple", 3.0)
    done = other.run("docker", "their-app", "triple", ["--container_name", name])
    assert (done.returncode, f'belongs to the mlem deployment "{APP}"' in done.stderr) == (4, True), done.stderr
    assert not (other.folder / "their-app.mlem").exists()
    assert answers(project) == [2.0, 4.0, 6.0]


def test_a_strangers_image_keeps_its_name(project: Project, engine: Engine, name: str) -> None:
    engine.tag("python:3.11-slim", f"{name}:v7")
    try:
        done = project.run(
            "docker", APP, "double", ["--container_name", name, "--image_name", name, "--image_tag", "v7"]
        )
        assert (done.returncode, "was not made by mlem" in done.stderr) == (4, True), done.stderr
        assert not (project.folder / f"{APP}.mlem").exists()
        mine, base = engine.image(f"{name}:v7"), engine.image("python:3.11-slim")
        assert mine is not None
        assert base is not None
        assert mine["Id"] == base["Id"]
    finally:
        engine.remove_image(f"{name}:v7")


def test_following_the_logs_ends_with_the_container(project: Project, engine: Engine, name: str) -> None:
    deploy(project, name)
    follower = subprocess.Popen(
        [sys.executable, "-m", "mlem.cli", "deployment", "logs", APP, "--follow"],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    assert "listening on" in follower.stdout.readline()
    engine.stop(record(project)["id"], 5)
    rest, _ = follower.communicate(timeout=30)
    assert (follower.returncode, "stopped" in rest.splitlines()[-1]) == (0, True)


def test_following_the_logs_can_be_interrupted(project: Project, name: str) -> None:
    deploy(project, name)
    # what runs in the background of a shell ignores SIGINT, and hands that down
    code = (
        f"import signal; signal.signal(2, signal.default_int_handler); from mlem.cli.main import main; main({FOLLOW!r})"
    )
    follower = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert follower.stdout is not None
    follower.stdout.readline()
    follower.send_signal(signal.SIGINT)
    _, errors = follower.communicate(timeout=30)
    assert (follower.returncode, "Traceback" in errors) == (130, False)
    assert answers(project) == [2.0, 4.0, 6.0]


@pytest.mark.parametrize(
    ("builder", "moment"),
    [("engine", "sending the model"), ("image", "loading the image"), ("image", "creating container")],
)
def test_a_first_run_killed_in_the_middle_is_finished_by_the_next(
    project: Project, engine: Engine, name: str, builder: str, moment: str
) -> None:
    run = ("deployment", "run", "docker", APP, "--model", "double", "--container_name", name, "--builder", builder)
    _kill_at(project, moment, *run)
    deploy(project, name)
    assert answers(project) == [2.0, 4.0, 6.0]
    assert len(engine.containers(lineage(project))) == 1
    assert len(engine.images(f"{LINEAGE_LABEL}={lineage(project)}")) == 1


@pytest.mark.parametrize("fixed", [True, False], ids=["fixed port", "free port"])
def test_a_replacement_killed_in_the_middle_is_finished_by_the_next(
    project: Project, engine: Engine, name: str, fixed: bool
) -> None:
    deploy(project, name, "double", *(["--port", str(free_port())] if fixed else []))
    for model, expected in (("triple", [3.0, 6.0, 9.0]), ("double", [2.0, 4.0, 6.0])):
        _kill_at(project, "replacing container", "deployment", "run", "--load", APP, "--model", model)
        deploy(project, name, model)
        assert answers(project) == expected
        assert len(engine.containers(lineage(project))) == 1


def _kill_at(project: Project, line: str, *arguments: str) -> None:
    """Run a command, and kill it when it says a line of progress."""
    command = [sys.executable, "-m", "mlem.cli", *arguments]
    process = subprocess.Popen(
        command, cwd=project.folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stderr is not None
    seen = []
    for said in process.stderr:
        seen.append(said)
        if said.startswith(line):
            break
    process.kill()
    process.wait()
    process.stderr.close()
    assert process.returncode == -signal.SIGKILL, "".join(seen)


def test_output_is_json_where_it_is_asked_for(project: Project, name: str) -> None:
    options = ["--model", "double", "--container_name", name]
    made = project.json("deployment", "run", "docker", APP, *options)
    assert (made["changed"], made["url"]) == (True, record(project)["url"])
    assert json.loads(project.mlem("deployment", "status", APP, "--output", "json").stdout)["status"] == "running"
