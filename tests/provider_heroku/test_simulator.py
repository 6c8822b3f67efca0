"""The simulator: as Heroku where a deployment can tell."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from mlem.errors import NotFoundError
from mlem.testing import Project
from mlem_provider_docker import Engine
from mlem_provider_heroku.api import Heroku
from mlem_provider_heroku.sdk import Session
from mlem_provider_heroku.testing import HerokuSimulator
from mlem_provider_heroku.testing.dyno import SIMULATOR_LABEL
from mlem_provider_heroku.testing.platform import host_of
from mlem_provider_heroku.testing.schema import Schema


def test_the_schema_judges_requests_and_answers(schema: Path) -> None:
    judge = Schema.load(schema)
    assert judge.faults_of_request("PATCH", "/apps/iris-prod/formation", {"updates": [{"type": "web", "docker_image": "sha256:0"}]}) == []
    assert judge.faults_of_request("PATCH", "/apps/iris-prod/formation", {"updates": [{"type": "web", "size": "basic"}]}) != []
    assert judge.faults_of_request("POST", "/apps", {"name": "Iris"}) != []
    assert judge.faults_of_request("GET", "/apps/iris-prod", {"a": 1}) != []
    assert judge.faults_of_request("GET", "/nothing", None) == ["GET /nothing: no operation of the schema"]
    assert judge.faults_of_answer("GET", "/apps/iris-prod/config-vars", {"A": "b"}) == []
    assert judge.faults_of_answer("GET", "/apps/iris-prod/config-vars", {"A": 1}) != []


def ask(heroku: HerokuSimulator, path: str, host: str | None = None) -> int:
    connection = http.client.HTTPConnection(urlsplit(heroku.router.url).netloc, timeout=10)
    try:
        connection.request("GET", path, headers={"Host": host} if host else {})
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_router_finds_an_app_by_host_and_says_why_none_answers(
    project: Project, heroku: HerokuSimulator, engine: Engine, name: str
) -> None:
    done = project.mlem("deployment", "run", "heroku", "app", "--model", "double", "--env", "staging", "--app_name", name)
    assert done.returncode == 0, done.stderr
    app = heroku.app(name)
    assert (ask(heroku, "/readyz", host_of(app)), ask(heroku, f"/{name}/readyz"), ask(heroku, "/nobody/readyz")) == (200, 200, 404)
    heroku.router.request_timeout_s = 0.2
    engine._api.pause(app.dynos[0].container)
    assert (ask(heroku, f"/{name}/readyz"), "code=H12" in "".join(app.log.last(9))) == (503, True)
    engine._api.unpause(app.dynos[0].container)
    heroku.router.request_timeout_s = 30
    with heroku.platform.lock:
        heroku.platform.scale(app, 0, None)
    assert (ask(heroku, f"/{name}/readyz"), "code=H14" in "".join(app.log.last(9))) == (503, True)


def test_an_image_that_was_not_pushed_is_not_released(heroku: HerokuSimulator, name: str) -> None:
    api = Heroku(Session(heroku.api.url, "any", 10.0))
    made = api.create_app(name, "us", None)
    assert made is not None
    with pytest.raises(NotFoundError, match="Couldn't find the docker image"):
        api.release_image(made["id"], "sha256:" + "0" * 64)
    api.delete_app(made["id"])


def test_the_tutorial_runs_and_its_dynos_end_with_the_simulator(plain: Project, warm: None, engine: Engine, name: str) -> None:
    command = [sys.executable, "-m", "mlem_provider_heroku.testing", "--api-port", "0", "--router-port", "0"]
    command += ["--registry", os.environ.get("MLEM_TEST_REGISTRY", "127.0.0.1:5000")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            assert simulator.stdout is not None
            lines = [simulator.stdout.readline().rstrip() for _ in range(4)]
            assert lines[2] == "export HEROKU_API_KEY=simulator"
            assert plain.mlem(*lines[3].split()[1:]).returncode == 0
            done = plain.mlem("deployment", "run", "heroku", "app", "--model", "double", "--env", "staging", "--app_name", name)
            assert done.returncode == 0, done.stderr
            before = engine.images(SIMULATOR_LABEL)
            state = plain.handle("app").state()
        finally:
            simulator.send_signal(signal.SIGINT)
        assert simulator.wait(60) == 0
    gone = {found["Id"] for found in before} - {found["Id"] for found in engine.images(SIMULATOR_LABEL)}
    assert len(gone) >= 1
    assert state is not None
    engine.remove_image(state.records["image"]["image"])  # the Engine that built it is not the simulator's business


def start(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mlem_provider_heroku.testing", "--router-port", "0", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_second_simulator_on_the_same_port_says_what_to_do(heroku: HerokuSimulator) -> None:
    port = str(urlsplit(heroku.api.url).port)
    done = start("--api-port", port, "--registry", heroku.registry)
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.splitlines()[0] == f"error[port-in-use]: port {port} is in use"
    assert "--api-port 0" in done.stderr


def test_a_simulator_without_a_registry_says_how_to_start_one(heroku: HerokuSimulator) -> None:
    nobody = urlsplit(heroku.api.url).netloc  # answers, but is no registry
    done = start("--api-port", "0", "--registry", nobody)
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith(f"error[no-registry]: no registry answers at {nobody}")
    assert f"hint: start one: docker run -d -p {nobody}:5000 registry:2" in done.stderr
