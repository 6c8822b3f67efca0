"""What goes wrong with Engines, images, registries and containers.

A clear error, the right exit code, the next step.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlem import Phase
from mlem.testing import Project
from mlem_image import LINEAGE_LABEL
from mlem_provider_docker.api.sdk import Engine
from mlem_provider_docker.containers.container import host_ports

APP = "app"


def failure(project: Project, *options: str, model: str = "double") -> tuple[int, str, str]:
    """Deploy, and return the exit code, the code of the error, and everything that was said."""
    done = project.run("docker", APP, model, options)
    last = next((line for line in done.stderr.splitlines() if line.startswith("error[")), "error[]")
    return done.returncode, last.partition("[")[2].partition("]")[0], done.stderr


def leftovers(engine: Engine, project: Project) -> list[Sequence[str]]:
    state = project.handle(APP).state()
    assert state is not None
    images = engine.images(f"{LINEAGE_LABEL}={state.lineage}")
    return [found["Names"] for found in engine.containers(state.lineage)] + [found["RepoTags"] for found in images]


@pytest.mark.parametrize("host", ["unix:///nonexistent/docker.sock", "tcp://127.0.0.1:1"])
def test_no_engine(plain: Project, host: str) -> None:
    code, name, said = failure(plain, "--env.host", host)
    assert (code, name, "hint: start Docker" in said) == (7, "engine-unreachable", True), said


def test_no_permission(engine: Engine, plain: Project, tmp_path: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can become another user")
    listener = socket.socket(socket.AF_UNIX)
    path = Path("/tmp") / f"mlem-{os.getpid()}.sock"
    listener.bind(str(path))
    path.chmod(0o600)
    try:
        code = f"""
import os, docker.tls, docker.errors, docker.transport, requests.exceptions, urllib3.exceptions
from mlem_provider_docker.api import endpoint
from mlem_provider_docker.env import DockerEnv
from mlem_provider_docker.api.sdk import connect
from mlem_model.errors import MlemError
os.setgid(65534); os.setuid(65534)
try: connect(DockerEnv(host="unix://{path}").endpoint())
except MlemError as error: print(error.exit_code, error.code, error.hint)
"""
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd="/", env={"HOME": "/"}
        )
    finally:
        listener.close()
        path.unlink()
    assert done.stdout.split(maxsplit=2)[:2] == ["6", "engine-permission"], done.stderr
    assert "usermod -aG docker" in done.stdout


def test_certificates_that_are_not_there(plain: Project, tmp_path: Path) -> None:
    code, name, said = failure(plain, "--env.host", "tcp://127.0.0.1:1", "--env.cert_path", str(tmp_path))
    assert (code, name) == (6, "engine-tls"), said


@pytest.mark.parametrize(
    "config",
    [
        {"credsStore": "is-not-installed"},
        {"credHelpers": {"registry.example.com": "is-not-installed"}},
        {"auths": {"registry.example.com": {"auth": "%%%"}}},
        {"auths": {"registry.example.com": {"auth": "bm8tY29sb24="}, "other.example.com": {"auth": 5}}},
        {"auths": {"registry.example.com": 5}},
        {"auths": [], "credHelpers": 5, "credsStore": {}, "HttpHeaders": 5, "proxies": 5},
        {"proxies": {"default": 5}},
    ],
)
def test_what_is_wrong_with_other_registries_is_nobodys_business(
    project: Project, name: str, config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    done = project.run("docker", APP, "double", ["--container_name", name])
    assert done.returncode == 0, done.stderr


def test_a_base_image_that_is_not_there(project: Project, name: str) -> None:
    code, error, said = failure(project, "--container_name", name, "--base_image", "127.0.0.1:5000/nobody/nothing:1")
    assert (code, error) in ((3, "image-not-found"), (7, "registry-unreachable")), said


def test_a_base_image_with_another_python(project: Project, name: str) -> None:
    code, error, said = failure(
        project, "--container_name", name, "--python_version", "3.12", "--base_image", "python:3.11-slim"
    )
    assert (code, error) == (4, "versions-differ"), said
    assert "saved with 3.11, the image gets 3.12" in said


def test_a_base_image_that_lies_about_its_python(project: Project, engine: Engine, name: str) -> None:
    path = project.folder / "double.mlem"
    path.write_text(path.read_text().replace("python: 3.11", "python: 3.12"))
    code, error, said = failure(project, "--container_name", name, "--base_image", "python:3.11-slim")
    assert (code, error) == (4, "versions-differ"), said
    assert "the base image python:3.11-slim has Python 3.11, the model needs 3.12" in said
    code, error, said = failure(
        project, "--container_name", name, "--base_image", "python:3.11-slim", "--builder", "engine"
    )
    assert (code, error) == (4, "versions-differ"), said
    assert "the base image has Python 3.11, the model needs 3.12" in said
    assert leftovers(engine, project) == []


def test_a_package_that_no_index_has(project: Project, name: str) -> None:
    code, error, said = failure(project, "--container_name", name, "--packages", "mlem-no-such-package==99")
    assert (code, error) == (7, "build-failed"), said
    assert "failed in step" in said
    assert "    | ERROR: No matching distribution found for mlem-no-such-package==99" in said


def test_a_port_that_is_taken(project: Project, engine: Engine, name: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, error, said = failure(project, "--container_name", name, "--port", str(port))
    assert (code, error, "--port N" in said) == (7, "port-in-use", True), said
    assert engine.container(name) is None


def test_what_others_have_is_said_by_plan_and_before_anything_is_made(
    project: Project, engine: Engine, name: str
) -> None:
    assert failure(project, "--container_name", name)[0] == 0
    before = project.handle(APP).state()
    stranger = f"{name}-stranger"
    settings = {"command": ["sleep", "600"], "ports": {"80/tcp": ("127.0.0.1", None)}}
    id_ = engine.create("python:3.11-slim", stranger, settings)
    try:
        engine.start(id_, stranger)
        [port] = {*host_ports(engine.container(id_) or {})} - {0}
        with socket.create_server(("127.0.0.1", 0)) as listener:
            for options, expected in (
                (["--port", str(port)], (7, "port-in-use", f"by the container {stranger}")),
                (
                    ["--port", str(port), "--bind_address", "0.0.0.0"],
                    (7, "port-in-use", f"by the container {stranger}"),
                ),
                (["--port", str(listener.getsockname()[1])], (7, "port-in-use", "by a process")),
                (["--network", "nowhere"], (3, "network-not-found", "docker network create nowhere")),
            ):
                code, error, said = failure(project, *options, model="triple")
                assert (code, error, expected[2] in said) == (*expected[:2], True), said
                assert ("updating" in said, "replacing" in said, "sending the model" in said) == (
                    False,
                    False,
                    False,
                ), said
                other = project.mlem("declare", "deployment", "docker", "other", "--model", "double", *options)
                assert other.returncode == 0, other.stderr
                done = project.mlem("deployment", "plan", "other")
                assert (done.returncode, expected[2] in done.stderr) == (expected[0], True), done.stderr
                (project.folder / "other.mlem").unlink()
        after = project.handle(APP).state()
        assert before is not None
        assert after is not None
        assert after.records == before.records
    finally:
        engine.remove_container(id_)


def test_an_update_to_a_port_that_is_taken_leaves_the_old_one_serving(project: Project, name: str) -> None:
    assert failure(project, "--container_name", name)[0] == 0
    before = project.handle(APP).state()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen: only who wants the port finds out
        code, error, said = failure(project, "--port", str(taken.getsockname()[1]))
    assert (code, error, "serves again" in said) == (7, "port-in-use", True), said
    after = project.handle(APP).state()
    assert before is not None
    assert after is not None
    assert {**after.records["container"], "start_s": 0} == {**before.records["container"], "start_s": 0}
    assert project.handle(APP).status().phase is Phase.RUNNING


def test_too_little_memory(project: Project, name: str) -> None:
    code, error, said = failure(project, "--container_name", name, "--memory_mib", "12", "--restart_policy", "no")
    assert (code, error) == (8, "gate-failed"), said
    assert "out of memory (exit code 137); its limit is 12 MiB, raise it: --memory_mib" in said


def test_a_server_that_crashes_again_and_again(project: Project, name: str) -> None:
    code, error, said = failure(project, "--container_name", name, model="wrong")
    assert (code, error) == (8, "gate-failed"), said
    assert "mlem deployment logs app" in said
    assert project.handle(APP).status().phase is not Phase.RUNNING


def test_a_registry_that_does_not_answer(project: Project, name: str) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}"
        code, error, said = failure(project, "--container_name", name, "--env.registry.host", host)
    assert (code, error) in ((7, "registry-unreachable"), (7, "engine-unreachable")), said


def test_an_option_that_the_engine_refuses(project: Project, engine: Engine, name: str) -> None:
    code, error, said = failure(project, "--container_name", name, "--network", "no-such-network")
    assert (code, error) == (3, "network-not-found"), said
    assert "docker network create" in said


def test_an_argument_that_belongs_to_the_deployment(project: Project, name: str) -> None:
    code, _, said = failure(project, "--container_name", name, "--run_arguments.detach", "true")
    assert (code, "run_arguments.detach: this belongs to the deployment" in said) == (2, True), said


def test_another_engine_than_the_one_it_is_on(project: Project, name: str, other_engine: str) -> None:
    assert failure(project, "--container_name", name)[0] == 0
    code, error, said = failure(project, "--env.host", other_engine, model="triple")
    assert (code, error, other_engine in said) == (4, "elsewhere", True), said
    state = project.folder / f"{APP}.mlem.state"
    text = state.read_text()
    older = yaml.safe_load(text)
    del older["place"]
    state.write_text(yaml.safe_dump(older, sort_keys=False))
    code, error, said = failure(project, "--env.host", other_engine, model="triple")
    assert (code, error, other_engine in said, "remove it there first" in said) == (4, "other-engine", True, True), said
    state.write_text(text)
    assert project.mlem("deployment", "plan", APP, "--detailed-exitcode").returncode == 0


def test_another_address_of_the_same_engine(project: Project, name: str, tmp_path: Path) -> None:
    assert failure(project, "--container_name", name)[0] == 0
    before = project.handle(APP).state()
    address = f"unix://{tmp_path}/docker.sock"
    (tmp_path / "docker.sock").symlink_to("/var/run/docker.sock")
    code, _, said = failure(project, "--env.host", address)
    assert (code, "downtime" in said) == (0, False), said
    after = project.handle(APP).state()
    assert before is not None
    assert after is not None
    assert [record["engine"] for record in after.records.values()] == [address] * 2
    assert [after.records["container"][key] for key in ("id", "url")] == [
        before.records["container"][key] for key in ("id", "url")
    ]
    assert project.mlem("deployment", "plan", APP, "--detailed-exitcode").returncode == 0
    assert project.mlem("deployment", "rollback", APP).returncode == 0


def test_a_loopback_address_on_another_machine(plain: Project) -> None:
    from mlem import UserError
    from mlem_provider_docker.api.endpoint import EngineEndpoint
    from mlem_provider_docker.containers.container import url_of

    box = EngineEndpoint("ssh://deploy@box")
    assert url_of(box, "0.0.0.0", 80) == "http://box:80"
    assert url_of(EngineEndpoint("unix:///x"), "::", 80) == "http://[::1]:80"
    with pytest.raises(UserError, match="can't be reached from here"):
        url_of(box, "127.0.0.1", 80)


def test_doctor_says_which_engine_answers(plain: Project) -> None:
    for name, host in (("here", None), ("gone", "unix:///no/engine.sock")):
        options = ["--host", host] if host else []
        assert plain.mlem("declare", "env", "docker", name, *options).returncode == 0
    done = plain.mlem("doctor", "--output", "json")
    checks = {row["check"]: row for row in json.loads(done.stdout)["checks"]}
    assert done.returncode == 7, done.stderr
    assert (checks["env here: Docker Engine"]["ok"], "version" in checks["env here: Docker Engine"]["message"]) == (
        True,
        True,
    )
    assert checks["env gone: Docker Engine"]["ok"] is False
