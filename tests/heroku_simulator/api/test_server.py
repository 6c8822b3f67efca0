"""The simulator's API: what Heroku takes and refuses, and its words."""

from __future__ import annotations

from typing import Any

import pytest

from mlem_heroku_simulator import HerokuSimulator
from mlem_heroku_simulator.platform.app_state import AppState


def test_requests_are_read_as_heroku_reads_them(client: Any, app: AppState) -> None:
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
    method: str, path: str, body: object, refusal: tuple[int, str], client: Any, app: AppState
) -> None:
    status, answer = client(method, f"/apps/{app.name}{path}", body)
    assert (status, answer["id"], bool(answer["message"])) == (*refusal, True)


def test_what_is_not_json_is_a_bad_request(client: Any, app: AppState) -> None:
    status, answer, _ = client.answer("PATCH", f"/apps/{app.name}", "{maintenance}")
    assert (status, answer["id"]) == (400, "bad_request")


def test_a_list_comes_in_parts(client: Any, app: AppState, heroku: HerokuSimulator) -> None:
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


def test_an_image_that_was_not_pushed_is_not_released(client: Any, app: AppState) -> None:
    update = {"updates": [{"type": "web", "docker_image": "sha256:" + "0" * 64}]}
    accept = "application/vnd.heroku+json; version=3.docker-releases"
    status, answer = client("PATCH", f"/apps/{app.id}/formation", update, accept=accept)
    assert (status, answer["id"]) == (404, "not_found")
    assert answer["message"].startswith("Couldn't find the docker image")
