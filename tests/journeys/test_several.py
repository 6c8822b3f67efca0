"""Several deployments at once: named, in folders, all; one view, failures by name, the exit code of the worst."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from waiting import wait_until

from mlem.testing import Project

SLOW = """
import mlem.api
def f(x: float) -> float:
    import os, time
    time.sleep(60 if os.environ.get("SLOW") else 0)
    return x
mlem.api.save(f, "slow", sample_data=1.0)
"""


@pytest.fixture
def three(project: Project) -> Project:
    """A project with two deployments in its folder, and one in a folder of its own."""
    (project.folder / "apps").mkdir()
    for name in ("one", "two", "apps/three"):
        declared = project.mlem("declare", "deployment", "local", name, "--model", "iris")
        assert declared.returncode == 0, declared.stderr
    return project


def test_all_are_planned_deployed_asked_and_removed_by_one_command(three: Project) -> None:
    planned = three.mlem("deployment", "plan", "--all", "--detailed-exitcode", "--output", "json")
    assert planned.returncode == 10
    said = {one["name"]: [change["action"] for change in one["changes"]] for one in json.loads(planned.stdout)}
    assert said == {name: ["create", "create"] for name in ("apps/three", "one", "two")}

    deployed = {one["name"]: one for one in three.json("deployment", "run", "--all")}
    assert set(deployed) == {"apps/three", "one", "two"}
    assert {one["status"] for one in deployed.values()} == {"running"}

    asked = three.json("deployment", "status", "--all", "--check")
    assert {one["name"]: one["url"] for one in asked} == {name: one["url"] for name, one in deployed.items()}
    assert three.mlem("deployment", "plan", "--all", "--detailed-exitcode").returncode == 0

    removed = three.mlem("deployment", "remove", "--all")
    assert (removed.returncode, removed.stdout.splitlines()) == (
        0,
        ["apps/three is removed", "one is removed", "two is removed"],
    )
    assert not list(three.folder.rglob("*.mlem.state"))


def test_names_and_folders_say_which(three: Project) -> None:
    done = three.mlem("deployment", "run", "--load", "apps", "--load", "two")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if "running" in line] == [
        "apps/three is running",
        "two is running",
    ]
    statuses = {one["name"]: one["status"] for one in three.json("deployment", "status", "one", "two", "apps/")}
    assert statuses == {"one": "not_deployed", "two": "running", "apps/three": "running"}
    assert three.mlem("deployment", "status", "one", "two", "--check").returncode == 10


def test_one_that_fails_is_named_and_the_others_go_on(three: Project) -> None:
    (three.folder / "broken.mlem").write_text("model: nowhere\nobject_type: deployment\ntype: local_process\n")
    done = three.mlem("deployment", "run", "--load", "one", "--load", "broken", "--load", "two")
    assert done.returncode == 3
    assert "error[not-found]: broken: no object 'nowhere'" in done.stderr
    assert "1 of 3 failed" in done.stderr
    assert [line for line in done.stdout.splitlines() if "running" in line] == ["one is running", "two is running"]
    as_json = three.mlem("deployment", "run", "--load", "one", "--load", "broken", "--output", "json")
    first, second = json.loads(as_json.stdout)
    assert (first["changed"], second["name"], second["error"]["code"]) == (False, "broken", "not-found")


def test_every_line_of_progress_says_whose_it_is(three: Project) -> None:
    done = three.mlem("deployment", "run", "--all")
    assert done.returncode == 0, done.stderr
    assert {line.partition(": ")[0] for line in done.stderr.splitlines()} == {"one", "two", "apps/three"}


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["status"], 2, "which deployment?"),
        (["plan", "one", "two", "--out", "plan.json"], 2, "--out keeps the plan of one deployment"),
        (["remove", "empty"], 3, "no deployments are declared in empty"),
        (["run", "--load", "one", "--load", "nobody"], 3, "nobody: no object 'nobody'"),
    ],
)
def test_what_can_not_be_meant_is_refused(three: Project, arguments: list[str], code: int, message: str) -> None:
    (three.folder / "empty").mkdir()
    done = three.mlem("deployment", *arguments)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_all_of_them_with_their_locks_released(
    project: Project, sent: signal.Signals, code: int
) -> None:
    assert project.python("-c", SLOW).returncode == 0
    names = ("one", "two", "three")
    for name in names:
        project.mlem("declare", "deployment", "local", name, "--model", "slow")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlem.cli", "deployment", "run", "--all"],
        cwd=project.folder,
        env={**os.environ, "SLOW": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    states = [project.folder / f"{name}.mlem.state" for name in names]
    wait_until(lambda: all(path.exists() and "process:" in path.read_text() for path in states))
    process.send_signal(sent)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    for name in names:
        state = project.handle(name).state()
        assert state is not None
        assert (state.lock, list(state.records), state.releases) == (None, ["model", "process"], ())
    assert project.mlem("deployment", "remove", "--all", "--lock-timeout", "1").returncode == 0
