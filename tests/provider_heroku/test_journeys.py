"""The way of a model on Heroku, from the command line, on the simulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mlem import Phase, Status
from mlem.testing import SAMPLE, Project
from mlem_heroku_simulator import HerokuSimulator
from mlem_image import LINEAGE_LABEL
from mlem_provider_docker import Engine


def run(project: Project, name: str, model: str = "double", *options: str) -> subprocess.CompletedProcess[str]:
    return project.mlem(
        "deployment", "run", "heroku", "app", "--model", model, "--env", "staging", "--app_name", name, *options
    )


def lineage(project: Project) -> str:
    state = project.handle("app").state()
    assert state is not None
    return state.lineage


def answers(project: Project) -> object:
    with project.handle("app").get_client() as client:
        return client.predict(SAMPLE)


def test_from_a_saved_model_to_dynos_and_back(
    project: Project, heroku: HerokuSimulator, engine: Engine, name: str
) -> None:
    project.mlem("declare", "env", "heroku", "team", "--team", "nlp", *heroku.options(""))
    done = project.mlem(
        *("deployment", "run", "heroku", "app", "--model", "double", "--env", "team", "--app_name", name),
        *("--region", "eu", "--dyno_size", "standard-1x", "--quantity", "2", "--builder", "engine"),
    )
    assert done.returncode == 0, done.stderr
    app = heroku.app(name)
    assert (app.team, app.region, app.formation and (app.formation.size, app.formation.quantity)) == (
        "nlp",
        "eu",
        ("Standard-1X", 2),
    )
    assert [dyno.state for dyno in app.dynos] == ["up", "up"]
    data = project.folder / "data.json"
    data.write_text(json.dumps(SAMPLE))
    local = project.mlem("apply", "double", "data.json").stdout
    assert project.mlem("deployment", "apply", "app", "data.json").stdout == local
    assert project.mlem("deployment", "status", "app").stdout == "running\n"

    before = app.current.version
    assert project.mlem("deployment", "run", "--load", "app", "--model", "triple").returncode == 0
    assert (answers(project), app.current.version) == ([3.0, 6.0, 9.0], before + 1)

    failed = project.mlem("deployment", "run", "--load", "app", "--model", "wrong")
    assert (failed.returncode, "serves again" in failed.stderr) == (8, True), failed.stderr
    assert (answers(project), app.current.description) == ([3.0, 6.0, 9.0], f"Rollback to v{before + 1}")
    assert len(engine.images(f"{LINEAGE_LABEL}={lineage(project)}")) == 2, "the failed one's is gone"

    assert project.mlem("deployment", "rollback", "app").returncode == 0
    assert (answers(project), app.current.description) == ([2.0, 4.0, 6.0], f"Rollback to v{before}")

    version = app.current.version
    (project.folder / "app.mlem").write_text(
        (project.folder / "app.mlem").read_text().replace("quantity: 2", "quantity: 1")
    )
    assert project.mlem("deployment", "run", "--load", "app", "--model", "double").returncode == 0
    assert ([dyno.name for dyno in app.dynos], app.current.version) == (["web.1"], version)

    mark = lineage(project)
    for _ in range(2):
        assert project.mlem("deployment", "remove", "app").returncode == 0
        assert (heroku.apps_of(mark), engine.images(f"{LINEAGE_LABEL}={mark}")) == ([], [])


def calls(heroku: HerokuSimulator, app_id: str) -> list[str]:
    """Return the calls of the API since the last look, with names for identities."""
    found = [f"{exchange.method} {exchange.path.replace(app_id, 'ID')}" for exchange in heroku.api.exchanges]
    heroku.api.exchanges.clear()
    return found


def test_the_api_is_called_no_more_than_is_needed(project: Project, heroku: HerokuSimulator, name: str) -> None:
    assert run(project, name).returncode == 0
    app_id = heroku.app(name).id
    look = "GET /apps/ID/dynos"
    assert [call for call in calls(heroku, app_id) if call != look] == [
        f"GET /apps/{name}",
        "GET /account/rate-limits",  # which Heroku does not count
        "POST /apps",
        "PATCH /apps/ID/config-vars",
        "PATCH /apps/ID",
        "PATCH /apps/ID/formation",
        "GET /apps/ID/releases",
        "PATCH /apps/ID/formation",
    ]
    assert project.mlem("deployment", "run", "--load", "app").returncode == 0
    assert calls(heroku, app_id) == ["GET /apps/ID", "GET /apps/ID/config-vars", look, look]
    assert project.mlem("deployment", "status", "app").returncode == 0
    assert calls(heroku, app_id) == [look]


def test_plan_says_what_callers_notice(project: Project, name: str) -> None:
    assert run(project, name).returncode == 0
    handle = project.handle("app")
    assert {change.action for change in handle.plan()} == {"keep"}
    for options, expected in (
        (["--region", "eu"], {"app": ("replace", True), "release": ("update", True)}),
        (["--dyno_size", "standard-2x"], {"scale": ("update", True)}),
        (["--quantity", "3"], {"scale": ("update", False)}),
        (["--environment.GREETING", "hello"], {"config_vars": ("update", True), "release": ("update", True)}),
        (["--app_name", f"{name}-x"], {"app": ("update", True)}),
    ):
        declared = [
            "declare",
            "deployment",
            "heroku",
            "app",
            "--model",
            "double",
            "--env",
            "staging",
            "--app_name",
            name,
        ]
        assert project.mlem(*declared, *options).returncode == 0
        found = {
            row["step"]: (row["action"], bool(row["downtime"]))
            for row in project.json("deployment", "plan", "app")["changes"]
        }
        assert {step: found[step] for step in expected} == expected


def test_a_change_of_region_keeps_the_old_app_until_the_gate_has_decided(
    project: Project, heroku: HerokuSimulator, name: str
) -> None:
    assert run(project, name).returncode == 0
    old, mark = heroku.app(name), lineage(project)
    failed = run(project, name, "wrong", "--region", "eu")
    assert (failed.returncode, "serves again" in failed.stderr) == (8, True), failed.stderr
    assert ([app.id for app in heroku.apps_of(mark)], old.name, answers(project)) == ([old.id], name, [2.0, 4.0, 6.0])
    assert run(project, name, "triple", "--region", "eu").returncode == 0
    [new] = heroku.apps_of(mark)
    assert (new.id != old.id, new.name, new.region, answers(project)) == (True, name, "eu", [3.0, 6.0, 9.0])
    assert project.handle("app").run().changed is False
    refused = project.mlem("deployment", "rollback", "app")
    assert (refused.returncode, "error[app-gone]" in refused.stderr) == (3, True), refused.stderr
    assert answers(project) == [3.0, 6.0, 9.0]


@pytest.mark.parametrize("call", [9, 10, 11, 13])
def test_a_change_of_region_that_dies_and_is_taken_back_is_put_right(
    call: int, project: Project, heroku: HerokuSimulator, name: str
) -> None:
    assert run(project, name).returncode == 0
    old, mark = heroku.app(name), lineage(project)
    heroku.api.faults.plan({call: "cut", **dict.fromkeys(range(call + 1, 200), "401")})
    assert run(project, name, "double", "--region", "eu").returncode == 6
    heroku.api.faults.plan({})
    assert len(heroku.apps_of(mark)) == 2
    assert run(project, name, "double", "--region", "us").returncode == 0
    released = [app.id for app in heroku.apps_of(mark) if app.current.image_id]
    assert (released, old.name, answers(project)) == ([old.id], name, [2.0, 4.0, 6.0])
    assert project.handle("app").remove() is True
    assert heroku.apps_of(mark) == []


def test_another_name_renames_the_app(project: Project, heroku: HerokuSimulator, name: str) -> None:
    assert run(project, name).returncode == 0
    app = heroku.app(name)
    assert run(project, f"{name}-b").returncode == 0
    assert (app.name, answers(project)) == (f"{name}-b", [2.0, 4.0, 6.0])
    assert {change.action for change in project.handle("app").plan()} == {"keep"}


def test_what_somebody_changed_at_heroku_is_seen_and_put_right(
    project: Project, heroku: HerokuSimulator, name: str
) -> None:
    assert run(project, name, "double", "--environment.GREETING", "hello").returncode == 0
    app, handle = heroku.app(name), project.handle("app")
    with heroku.platform.lock:
        heroku.platform.set_config_vars(app, {"GREETING": "good bye", "OTHER": "stays", "MLEM_LINEAGE": None})
        heroku.platform.scale(app, 2, None)
    assert handle.status().phase is Phase.UNKNOWN
    reasons = {change.step: change.reason for change in handle.plan()}
    assert (reasons["config_vars"], reasons["release"], reasons["scale"]) == (
        "GREETING",
        "config vars",
        "quantity 2 -> 1",
    )
    assert {change.step: change.action for change in handle.plan()} == {
        "app": "update",
        "config_vars": "update",
        "image": "keep",
        "release": "update",
        "scale": "update",
    }
    assert handle.run().changed is True
    assert (app.config_vars, len(app.dynos)) == (
        {"GREETING": "hello", "OTHER": "stays", "MLEM_LINEAGE": lineage(project)},
        1,
    )
    assert (handle.status(), [release.number for release in handle.releases()]) == (Status(Phase.RUNNING), [1])
    app.dynos[0].state = "idle"
    assert handle.status() == Status(Phase.RUNNING, "asleep: the next request wakes it")
    with heroku.platform.lock:
        heroku.platform.scale(app, 0, None)
    assert handle.status().phase is Phase.STOPPED
    with heroku.platform.lock:
        heroku.platform.delete(app)
    assert handle.status() == Status(Phase.CRASHED, f"the app {name} is gone")
    assert {change.action for change in handle.plan()} == {"create"}
    assert handle.run().changed is True
    assert answers(project) == [2.0, 4.0, 6.0]


def test_secrets_reach_the_app_and_no_file(project: Project, heroku: HerokuSimulator, name: str) -> None:
    secret = "canary-4e07d1"
    refused = run(project, name, "double", "--pass_environment.0", "MY_SECRET")
    assert (refused.returncode, "MY_SECRET" in refused.stderr) == (2, True), refused.stderr
    other = Project(project.folder, {"MY_SECRET": secret})
    done = run(other, name, "double", "--pass_environment.0", "MY_SECRET")
    assert done.returncode == 0, done.stderr
    assert heroku.app(name).config_vars["MY_SECRET"] == secret
    written = b"".join(path.read_bytes() for path in project.folder.rglob("*") if path.is_file())
    shown = "".join(
        [done.stdout, done.stderr, *heroku.app(name).log.last(1500), project.mlem("deployment", "plan", "app").stdout]
    )
    assert [word for word in (secret, os.environ["HEROKU_API_KEY"]) if word.encode() in written or word in shown] == []
    rotated = Project(project.folder, {"MY_SECRET": "canary-rotated"})
    assert rotated.json("deployment", "plan", "app")["changes"][1]["action"] == "update"
    assert run(rotated, name, "double", "--pass_environment.0", "MY_SECRET").returncode == 0
    assert heroku.app(name).config_vars["MY_SECRET"] == "canary-rotated"
    declared = ("declare", "deployment", "heroku", "app", "--model", "double", "--env", "staging", "--app_name", name)
    assert project.mlem(*declared).returncode == 0
    assert project.mlem("deployment", "run", "--load", "app").returncode == 0
    assert heroku.app(name).config_vars == {"MLEM_LINEAGE": lineage(project)}


def test_config_vars_that_somebody_set_are_named(project: Project, heroku: HerokuSimulator, name: str) -> None:
    assert run(project, name, "double", "--environment.GREETING", "hello").returncode == 0
    app, handle = heroku.app(name), project.handle("app")
    with heroku.platform.lock:
        heroku.platform.set_config_vars(app, {"GREETING": "good bye"})
    assert handle.wait([Phase.RUNNING], 60).reason.startswith("release v")
    assert '"Set GREETING config vars"' in handle.status().reason
    assert [
        (change.step, change.fields["environment"].old) for change in handle.plan() if change.step == "config_vars"
    ] == [("config_vars", {"GREETING": "good bye"})]
    assert handle.run().changed is True
    assert (app.config_vars["GREETING"], handle.status()) == ("hello", Status(Phase.RUNNING))


def test_what_can_be_known_is_said_before_anything_is_made(
    project: Project, heroku: HerokuSimulator, name: str
) -> None:
    heroku.platform.strangers.add(name)
    declared = ("declare", "deployment", "heroku", "app", "--model", "double", "--env", "staging", "--app_name", name)
    assert project.mlem(*declared).returncode == 0
    refused = project.mlem("deployment", "plan", "app")
    assert (refused.returncode, "error[not-ours]" in refused.stderr) == (4, True), refused.stderr


def test_an_env_on_another_platform_is_refused_before_anything_is_made(
    project: Project, heroku: HerokuSimulator, name: str
) -> None:
    assert run(project, name).returncode == 0
    env = project.folder / "staging.mlem"
    text = env.read_text()
    elsewhere = text.replace(heroku.api.url, "http://127.0.0.1:9")
    assert elsewhere != text
    env.write_text(elsewhere)
    for command in (["plan", "app"], ["run", "--load", "app"]):
        done = project.mlem("deployment", *command)
        assert (done.returncode, "error[other-platform]" in done.stderr) == (4, True), done.stderr
        assert "sending the model" not in done.stderr
    env.write_text(text)
    assert project.mlem("deployment", "plan", "app", "--detailed-exitcode").returncode == 0


def test_an_app_whose_mark_was_taken_away_is_not_deleted(project: Project, heroku: HerokuSimulator, name: str) -> None:
    assert run(project, name).returncode == 0
    app, mark = heroku.app(name), lineage(project)
    with heroku.platform.lock:
        heroku.platform.set_config_vars(app, {"MLEM_LINEAGE": None})
    refused = project.mlem("deployment", "remove", "app")
    assert (refused.returncode, "error[not-ours]" in refused.stderr, f"MLEM_LINEAGE={mark}" in refused.stderr) == (
        4,
        True,
        True,
    )
    assert (heroku.app(name).name, lineage(project)) == (name, mark)
    with heroku.platform.lock:
        heroku.platform.set_config_vars(app, {"MLEM_LINEAGE": mark})
    assert project.mlem("deployment", "remove", "app").returncode == 0
    assert heroku.apps_of(mark) == []


def test_a_strangers_app_is_left_alone(project: Project, heroku: HerokuSimulator, name: str) -> None:
    heroku.platform.strangers.add(name)
    heroku.platform.reserved.add(f"{name}-unseen")
    foreign = heroku.platform.create(f"{name}-mine", "us", None)
    before = list(heroku.platform.apps.values())
    for taken in (name, f"{name}-unseen", foreign.name):
        refused = run(project, taken)
        assert (refused.returncode, "error[not-ours]" in refused.stderr) == (4, True), refused.stderr
        # what nobody may see is found out by making it
        assert (project.folder / "app.mlem").exists() == (taken == f"{name}-unseen")
        if taken == f"{name}-unseen":
            assert project.mlem("deployment", "remove", "app").returncode == 0
            (project.folder / "app.mlem").unlink()
    assert (list(heroku.platform.apps.values()), foreign.config_vars) == (before, {})
    heroku.platform.delete(foreign)
    heroku.platform.strangers.clear()
    heroku.platform.reserved.clear()


def test_logs_are_followed_until_the_app_is_gone(project: Project, heroku: HerokuSimulator, name: str) -> None:
    assert run(project, name).returncode == 0
    command = [sys.executable, "-m", "mlem.cli", "deployment", "logs", "app", "--follow", "--tail", "1"]
    with subprocess.Popen(command, cwd=project.folder, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        killer = threading.Timer(60, follower.kill)
        killer.start()
        assert follower.stdout.readline().strip() == heroku.app(name).log.last(1)[0]
        heroku.app(name).log.write("app", "web.1", "a new line")
        assert follower.stdout.readline().endswith("app[web.1]: a new line\n")
        assert project.mlem("deployment", "remove", "app").returncode == 0
        follower.stdout.read()
        assert follower.wait(60) == 0
        killer.cancel()


def test_a_dyno_that_does_not_listen_in_time_is_explained(
    plain: Project, hub: str, heroku_schema: Path, name: str
) -> None:
    with HerokuSimulator(schema=heroku_schema, boot_timeout_s=0.01, stop_timeout_s=1) as slow:
        failed = plain.mlem(
            "deployment", "run", "heroku", "app", "--model", "double", "--app_name", name, *slow.options()
        )
        assert failed.returncode == 8, failed.stderr
        assert (
            "web.1 crashed: R10 (boot timeout: the server was not listening on $PORT 60 s after its start)"
            in failed.stderr
        )
        status = plain.handle("app").status()
        assert (status.phase, "R10" in status.reason) == (Phase.CRASHED, True)
        assert plain.mlem("deployment", "remove", "app").returncode == 0
        assert (slow.platform.apps, slow.api.violations) == ({}, [])


def test_what_passed_on_staging_is_pushed_to_another_app_as_it_is(
    project: Project, heroku: HerokuSimulator, name: str
) -> None:
    assert run(project, name).returncode == 0
    (project.folder / "app.prod.mlem").write_text(f"app_name: {name}p\n")
    staged = project.handle("app").state()
    planned = project.mlem("deployment", "promote", "app", "app@prod", "--plan")
    done = project.mlem("deployment", "promote", "app", "app@prod")
    assert (planned.returncode, done.returncode) == (0, 0), planned.stderr + done.stderr
    promoted = project.handle("app@prod").state()
    assert staged is not None
    assert promoted is not None
    before, after = staged.records["image"], promoted.records["image"]
    assert (after["image_id"], after["digest"], after["promoted"]) == (before["image_id"], before["digest"], "app")
    assert f"promoted from app, {before['digest']}" in planned.stdout
    assert "building" not in done.stderr
    with project.handle("app@prod").get_client() as client:
        assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
    assert {change.action for change in project.handle("app@prod").plan()} == {"keep"}
    assert project.mlem("deployment", "run", "--load", "app@prod", "--model", "triple").returncode == 0
    again = project.mlem("deployment", "promote", "app", "app@prod")
    assert again.returncode == 0, again.stderr
    assert project.handle("app@prod").releases()[0].records["image"]["digest"] == before["digest"]
    assert project.mlem("deployment", "rollback", "app@prod").returncode == 0
    with project.handle("app@prod").get_client() as client:
        assert client.predict(SAMPLE) == [3.0, 6.0, 9.0]


def test_a_restart_in_maintenance_is_refused_before_a_dyno_is_touched(
    project: Project, heroku: HerokuSimulator, name: str
) -> None:
    assert run(project, name).returncode == 0
    dynos = [dyno.id for dyno in heroku.app(name).dynos]
    assert project.mlem("deployment", "maintenance", "app", "on").stdout == "on\n"
    done = project.mlem("deployment", "restart", "app")
    assert (done.returncode, "error[in-maintenance]" in done.stderr) == (4, True), done.stderr
    assert "hint: mlem deployment maintenance app off" in done.stderr
    assert [dyno.id for dyno in heroku.app(name).dynos] == dynos
    planned = project.mlem("deployment", "plan", "app")
    assert "maintenance True -> False" in planned.stdout
    done = project.mlem("deployment", "run", "--load", "app", "--model", "triple")
    assert (done.returncode, heroku.app(name).maintenance, answers(project)) == (0, False, [3.0, 6.0, 9.0]), done.stderr


def test_the_maintenance_of_an_app_that_is_gone_or_not_ours(
    project: Project, heroku: HerokuSimulator, name: str
) -> None:
    assert run(project, name).returncode == 0
    app = heroku.app(name)
    mark = app.config_vars.pop("MLEM_LINEAGE")
    done = project.mlem("deployment", "maintenance", "app", "on")
    assert (done.returncode, "Traceback" in done.stderr, app.maintenance) == (4, False, False), done.stderr
    app.config_vars["MLEM_LINEAGE"] = mark
    assert project.mlem("deployment", "maintenance", "app", "on").returncode == 0
