"""Whatever goes wrong at any call of the API, the next run puts it right."""

from __future__ import annotations

import re

import pytest

from mlem.testing import SAMPLE, Project
from mlem_heroku_simulator import HerokuSimulator
from mlem_heroku_simulator.api.faults import Kind
from mlem_heroku_simulator.api.server import Tokens

CALLS_OF_A_FIRST_RUN = 7
"""Until the gate, which only looks."""

CALLS_OF_AN_UPDATE = 5
CALLS_OF_A_REMOVE = 4


def run(project: Project, name: str, model: str, *options: str) -> int:
    fields = ("--model", model, "--app_name", name, *options)
    return project.mlem("deployment", "run", "heroku", "app", *fields).returncode


def expect_converged(project: Project, heroku: HerokuSimulator, answer: list[float]) -> None:
    handle = project.handle("app")
    state = handle.state()
    assert state is not None
    [app] = heroku.apps_of(state.lineage)
    assert (app.id, app.current.id) == (state.records["app"]["app_id"], state.records["release"]["release_id"])
    assert {change.action for change in handle.plan()} == {"keep"}
    with handle.get_client() as client:
        assert client.predict(SAMPLE) == answer


@pytest.mark.parametrize("kind", ["timeout", "500", "429", "cut"])
def test_each_call_that_fails_once_is_repeated(
    kind: Kind, project: Project, heroku: HerokuSimulator, name: str
) -> None:
    options = [*heroku.options(), *(["--env.timeout_s=2"] if kind == "timeout" else [])]
    every_other: dict[int, Kind] = dict.fromkeys(range(1, 200, 2), kind)
    heroku.api.faults.plan(every_other)
    assert run(project, name, "double", *options) == 0
    heroku.api.faults.plan({})
    versions = heroku.app(name).current.version
    expect_converged(project, heroku, [2.0, 4.0, 6.0])
    if kind == "timeout":
        return  # each costs its time, and the steps of a second run are repeated by the same lines
    # not in step with the pairs of calls that a rollback makes until it is settled
    heroku.api.faults.plan({call: kind for call in every_other if call % 5 in (1, 3)})
    assert run(project, name, "wrong", *options) == 8
    heroku.api.faults.plan({})
    assert heroku.app(name).current.version == versions + 2, "one release and one rollback"
    with project.handle("app").get_client() as client:
        assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
    heroku.api.faults.plan(every_other)
    assert project.mlem("deployment", "remove", "app").returncode == 0
    assert name not in [app.name for app in heroku.platform.apps.values()]


@pytest.mark.parametrize("call", range(1, CALLS_OF_A_FIRST_RUN + 1))
def test_a_first_run_that_dies_at_any_call_is_finished_by_the_next(
    call: int, project: Project, heroku: HerokuSimulator, name: str
) -> None:
    # served, but nobody hears of it; and from then on nothing is allowed any more
    heroku.api.faults.plan({call: "cut", **dict.fromkeys(range(call + 1, call + 200), "401")})
    assert run(project, name, "double", *heroku.options()) == 6
    heroku.api.faults.plan({})
    assert run(project, name, "double", *heroku.options()) == 0
    expect_converged(project, heroku, [2.0, 4.0, 6.0])
    deployed = [release for release in heroku.app(name).releases if release.image_id]
    assert len(deployed) == 1


@pytest.mark.parametrize("call", range(1, CALLS_OF_AN_UPDATE + 1))
def test_an_update_that_dies_at_any_call_is_finished_by_the_next(
    call: int, project: Project, heroku: HerokuSimulator, name: str
) -> None:
    assert run(project, name, "double", *heroku.options()) == 0
    before = heroku.app(name).current.version
    heroku.api.faults.plan({call: "cut", **dict.fromkeys(range(call + 1, call + 200), "401")})
    assert run(project, name, "triple", *heroku.options()) == 6
    heroku.api.faults.plan({})
    assert run(project, name, "triple", *heroku.options()) == 0
    expect_converged(project, heroku, [3.0, 6.0, 9.0])
    assert heroku.app(name).current.version == before + 1


@pytest.mark.parametrize("call", range(1, CALLS_OF_A_REMOVE + 1))
def test_a_remove_that_dies_at_any_call_is_finished_by_the_next(
    call: int, project: Project, heroku: HerokuSimulator, name: str
) -> None:
    assert run(project, name, "double", *heroku.options()) == 0
    state = project.handle("app").state()
    assert state is not None
    heroku.api.faults.plan({call: "cut", **dict.fromkeys(range(call + 1, call + 200), "401")})
    assert project.mlem("deployment", "remove", "app").returncode == 6
    heroku.api.faults.plan({})
    assert project.handle("app").remove() is True
    assert heroku.apps_of(state.lineage) == []


def test_a_rollback_whose_answer_is_lost_is_not_made_twice(
    project: Project, heroku: HerokuSimulator, name: str
) -> None:
    for model in ("double", "triple"):
        assert run(project, name, model, *heroku.options()) == 0
    before = heroku.app(name).current.version
    heroku.api.faults.plan({5: "cut"})
    assert project.mlem("deployment", "rollback", "app").returncode == 0
    assert [
        exchange.status
        for exchange in heroku.api.exchanges
        if exchange.path.endswith("/releases") and exchange.method == "POST"
    ] == [0]
    heroku.api.faults.plan({})
    assert heroku.app(name).current.version == before + 1
    with project.handle("app").get_client() as client:
        assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]


def test_a_used_up_rate_limit_is_waited_for_and_said(project: Project, heroku: HerokuSimulator, name: str) -> None:
    heroku.api.tokens = Tokens(3)
    heroku.api.faults.plan({5: "429"})  # on a slow machine more calls come back than the run takes
    try:
        done = project.mlem(
            "deployment", "run", "heroku", "app", "--model", "double", "--env", "staging", "--app_name", name
        )
    finally:
        heroku.api.tokens = Tokens()
    assert done.returncode == 0, done.stderr
    assert re.search(r"Heroku's rate limit: \d+ calls are left\n", done.stderr)
    assert "Heroku's rate limit is reached: waiting" in done.stderr
