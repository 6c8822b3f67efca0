"""The simulator: as Heroku where a deployment can tell."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlem import NotFoundError
from mlem.testing import Project
from mlem_provider_docker import Engine
from mlem_provider_heroku.api.platform import Heroku
from mlem_provider_heroku.api.sdk import Session
from mlem_provider_heroku.testing import HerokuSimulator
from mlem_provider_heroku.testing.app_state import AppState, Formation, host_of
from mlem_provider_heroku.testing.dyno import SIMULATOR_LABEL
from mlem_provider_heroku.testing.schema import Schema


def test_the_schema_judges_requests_and_answers(schema: Path) -> None:
    judge = Schema.load(schema)
    assert (
        judge.faults_of_request(
            "PATCH", "/apps/iris-prod/formation", {"updates": [{"type": "web", "docker_image": "sha256:0"}]}
        )
        == []
    )
    assert (
        judge.faults_of_request("PATCH", "/apps/iris-prod/formation", {"updates": [{"type": "web", "size": "basic"}]})
        != []
    )
    assert judge.faults_of_request("POST", "/apps", {"name": "Iris"}) != []
    assert judge.faults_of_request("GET", "/apps/iris-prod", {"a": 1}) != []
    assert judge.faults_of_request("GET", "/apps/iris-prod", {"a": 1}, as_taken=True) == []
    assert judge.faults_of_request("GET", "/nothing", None) == ["GET /nothing: no operation of the schema"]
    assert judge.faults_of_answer("GET", "/apps/iris-prod/config-vars", {"A": "b"}) == []
    assert judge.faults_of_answer("GET", "/apps/iris-prod/config-vars", {"A": 1}) != []


TAKEN = [
    {"updates": [{"type": "web", "quantity": "2"}]},
    {"updates": [{"type": "web", "quantity": "+1", "size": "basic"}]},
    {"updates": [{"type": "web", "quantity": 2, "dyno_size": "basic", "command": None}], "why": "not"},
    {"updates": [{"type": "web", "quantity": 2, "dyno_size": None, "size": "Basic", "docker_image": None}]},
]


@pytest.mark.parametrize("body", TAKEN)
def test_heroku_takes_more_than_its_schema_says(body: object, schema: Path) -> None:
    judge = Schema.load(schema)
    assert judge.faults_of_request("PATCH", "/apps/iris-prod/formation", body) != []
    assert judge.faults_of_request("PATCH", "/apps/iris-prod/formation", body, as_taken=True) == []


@pytest.mark.parametrize(
    "body", [{"updates": [{"quantity": "2"}]}, {"updates": [{"type": "web", "quantity": "two"}]}, {"updates": "web"}]
)
def test_heroku_does_not_take_everything(body: object, schema: Path) -> None:
    assert Schema.load(schema).faults_of_request("PATCH", "/apps/iris-prod/formation", body, as_taken=True) != []


class Client:
    """A client that is neither ours nor Heroku's: what it sends is judged as Heroku would.

    Args:
        heroku: The simulator.
    """

    def __init__(self, heroku: HerokuSimulator) -> None:
        self._heroku = heroku

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Send a request; return the status and the answer."""
        return self.answer(method, path, None if body is None else json.dumps(body), **headers)[:2]

    def answer(
        self, method: str, path: str, text: str | None = None, **headers: str
    ) -> tuple[int, Any, http.client.HTTPResponse]:
        """Send a request with a body as it is; return the status, the answer and its headers."""
        connection = http.client.HTTPConnection(urlsplit(self._heroku.api.url).netloc, timeout=30)
        given = {"authorization": "Bearer any", **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            connection.request(method, path, text, given)
            response = connection.getresponse()
            return response.status, json.loads(response.read()), response
        finally:
            connection.close()


@pytest.fixture
def client(heroku: HerokuSimulator) -> Client:
    return Client(heroku)


@pytest.fixture
def app(heroku: HerokuSimulator, name: str) -> Iterator[AppState]:
    """An app with process types and no image."""
    with heroku.platform.lock:
        made = heroku.platform.create(name, "us", None)
        made.formation = Formation()
    yield made
    if made.id in heroku.platform.apps:
        with heroku.platform.lock:
            heroku.platform.delete(made)


def test_requests_are_read_as_heroku_reads_them(client: Client, app: AppState) -> None:
    formation = f"/apps/{app.name}/formation"
    quantities = [
        client("PATCH", formation, {"updates": [{"type": "web", "quantity": given, "size": size, "new": 1}]})[1][0][
            "quantity"
        ]
        for given, size in (("3", None), ("+2", "standard-1X"), ("-4", "basic"), (2, None), (0, None))
    ]
    assert quantities == [3, 5, 1, 2, 0]
    assert client("PATCH", f"{formation}/web", {"quantity": 4, "command": None})[1]["quantity"] == 4
    for accept in ("application/vnd.heroku+json; version=3.sdk", "application/vnd.heroku+json; version=3", "*/*"):
        status, answer = client(
            "GET", f"/apps/{app.id}?extended=true", accept=accept, request_id="a,b", user_agent="curl/8"
        )
        assert (status, answer["id"]) == (200, app.id)
    made = client(
        "POST", "/apps", {"name": f"{app.name}-n", "region": None, "stack": None, "kernel": None, "locked": False}
    )
    assert (made[0], made[1]["region"]["name"], made[1]["stack"]["name"]) == (201, "us", "heroku-24")
    assert client("DELETE", f"/apps/{app.name}-n", {})[0] == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "refusal"),
    [
        ("PATCH", "/formation", {"updates": [{"type": "web", "quantity": "many"}]}, (422, "invalid_params")),
        ("PATCH", "/formation", {"updates": [{"type": "web", "quantity": -1}]}, (422, "invalid_params")),
        ("PATCH", "/formation", {"updates": [{"type": "web", "size": "huge"}]}, (422, "invalid_params")),
        ("PATCH", "/formation", {"updates": [{"type": "worker", "quantity": 1}]}, (404, "not_found")),
        ("PATCH", "/formation", {}, (422, "invalid_params")),
        ("PATCH", "/formation", [1], (422, "invalid_params")),
        ("PATCH", "", {"maintenance": "yes"}, (422, "invalid_params")),
        ("PATCH", "", {"name": 5}, (422, "invalid_params")),
        ("PATCH", "/config-vars", {"A": 5}, (422, "invalid_params")),
        ("PATCH", "/config-vars", {"__A": "b"}, (422, "invalid_params")),
        ("POST", "/releases", {"release": "99"}, (404, "not_found")),
        ("POST", "/dynos", {"command": "ls"}, (422, "invalid_params")),
        ("DELETE", "/dynos/web.1", None, (404, "not_found")),
        ("POST", "/addons", {"plan": "heroku-postgresql"}, (404, "not_found")),
        ("PUT", "/buildpack-installations", {"updates": []}, (404, "not_found")),
    ],
)
def test_a_refusal_has_an_id_and_a_message(
    method: str, path: str, body: object, refusal: tuple[int, str], client: Client, app: AppState
) -> None:
    status, answer = client(method, f"/apps/{app.name}{path}", body)
    assert (status, answer["id"], bool(answer["message"])) == (*refusal, True)


def test_what_is_no_json_is_a_bad_request(client: Client, app: AppState) -> None:
    status, answer, _ = client.answer("PATCH", f"/apps/{app.name}", "{maintenance}")
    assert (status, answer["id"]) == (400, "bad_request")


def test_a_list_comes_in_parts(client: Client, app: AppState, heroku: HerokuSimulator) -> None:
    with heroku.platform.lock:
        for number in range(5):
            heroku.platform.set_config_vars(app, {"A": str(number)})
    path, range_, seen = f"/apps/{app.name}/releases", "version ..; order=desc, max=3", []
    while range_:
        status, answer, response = client.answer("GET", path, range=range_)
        seen.append((status, [release["version"] for release in answer]))
        range_ = response.headers.get("Next-Range", "")
    assert seen == [(206, [7, 6, 5]), (206, [4, 3, 2]), (200, [1])]
    assert [release["version"] for release in client("GET", path, Range="version 2..4[")[1]] == [2, 3]
    assert [client("GET", path, range=wrong)[0] for wrong in ("size ..", "version x..", "version")] == [416, 416, 416]


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


def test_the_tutorial_runs_and_its_dynos_end_with_the_simulator(
    plain: Project, warm: None, engine: Engine, name: str
) -> None:
    command = [sys.executable, "-m", "mlem_provider_heroku.testing", "--api-port", "0", "--router-port", "0"]
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
            state = plain.handle("app").state()
        finally:
            simulator.send_signal(signal.SIGINT)
        assert simulator.wait(60) == 0
    gone = {found["Id"] for found in before} - {found["Id"] for found in engine.images(SIMULATOR_LABEL)}
    assert len(gone) >= 1
    assert state is not None
    engine.remove_image(state.records["image"]["image"])  # the Engine that built it is not the simulator's business


def test_a_certificate_that_is_none_is_named(heroku: HerokuSimulator, tmp_path: Path) -> None:
    (tmp_path / "none.pem").write_text("none")
    done = start("--api-port", "0", "--registry", heroku.registry, "--certificate", str(tmp_path / "none.pem"))
    assert (
        done.returncode,
        done.stderr.startswith(f"error[bad-certificate]: {tmp_path / 'none.pem'} is no certificate: "),
    ) == (2, True)


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
