"""The simulator: as Heroku where a deployment can tell."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from mlem import NotFoundError
from mlem.testing import Project
from mlem_heroku_simulator import HerokuSimulator
from mlem_heroku_simulator.dynos.dyno import SIMULATOR_LABEL
from mlem_heroku_simulator.platform.app_state import host_of
from mlem_provider_docker import Engine
from mlem_provider_heroku.api.platform import Heroku
from mlem_provider_heroku.api.sdk import ApiSession


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
    done = project.mlem(
        "deployment", "run", "heroku", "app", "--model", "double", "--env", "staging", "--app_name", name
    )
    assert done.returncode == 0, done.stderr
    app = heroku.app(name)
    assert (ask(heroku, "/readyz", host_of(app)), ask(heroku, f"/{name}/readyz"), ask(heroku, "/nobody/readyz")) == (
        200,
        200,
        404,
    )
    heroku.router.request_timeout_s = 0.2
    engine.api.pause(app.dynos[0].container)
    assert (ask(heroku, f"/{name}/readyz"), "code=H12" in "".join(app.log.last(9))) == (503, True)
    engine.api.unpause(app.dynos[0].container)
    heroku.router.request_timeout_s = 30
    with heroku.platform.lock:
        heroku.platform.scale(app, 0, None)
    assert (ask(heroku, f"/{name}/readyz"), "code=H14" in "".join(app.log.last(9))) == (503, True)


def test_an_image_that_was_not_pushed_is_not_released(heroku: HerokuSimulator, name: str) -> None:
    api = Heroku(ApiSession(heroku.api.url, "any", 10.0))
    made = api.create_app(name, "us", None)
    assert made is not None
    with pytest.raises(NotFoundError, match="Couldn't find the docker image"):
        api.release_image(made["id"], "sha256:" + "0" * 64)
    api.delete_app(made["id"])


def test_the_tutorial_runs_and_its_dynos_end_with_the_simulator(
    plain: Project, hub: str, engine: Engine, name: str
) -> None:
    command = [sys.executable, "-m", "mlem_heroku_simulator", "--api-port", "0", "--router-port", "0"]
    command += ["--registry", os.environ.get("MLEM_TEST_REGISTRY", "127.0.0.1:5000")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as simulator:
        try:
            assert simulator.stdout is not None
            lines = [simulator.stdout.readline().rstrip() for _ in range(4)]
            assert lines[2] == "export HEROKU_API_KEY=simulator"
            assert plain.mlem(*lines[3].split()[1:]).returncode == 0
            done = plain.mlem(
                "deployment", "run", "heroku", "app", "--model", "double", "--env", "staging", "--app_name", name
            )
            assert done.returncode == 0, done.stderr
            before = engine.images(SIMULATOR_LABEL)
        finally:
            simulator.send_signal(signal.SIGINT)
        assert simulator.wait(60) == 0
    gone = {found["Id"] for found in before} - {found["Id"] for found in engine.images(SIMULATOR_LABEL)}
    assert len(gone) >= 1
