"""Heroku's schema as the judge of requests and answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem_heroku_simulator.api.schema.schema import Schema


def test_the_schema_judges_requests_and_answers(heroku_schema: Path) -> None:
    judge = Schema.load(heroku_schema)
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
def test_heroku_takes_more_than_its_schema_says(body: object, heroku_schema: Path) -> None:
    judge = Schema.load(heroku_schema)
    assert judge.faults_of_request("PATCH", "/apps/iris-prod/formation", body) != []
    assert judge.faults_of_request("PATCH", "/apps/iris-prod/formation", body, as_taken=True) == []


@pytest.mark.parametrize(
    "body", [{"updates": [{"quantity": "2"}]}, {"updates": [{"type": "web", "quantity": "two"}]}, {"updates": "web"}]
)
def test_heroku_does_not_take_everything(body: object, heroku_schema: Path) -> None:
    assert Schema.load(heroku_schema).faults_of_request("PATCH", "/apps/iris-prod/formation", body, as_taken=True) != []
