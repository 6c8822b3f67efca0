"""Deployments whose state is on S3, with real commands.

At the same time, killed, and without secrets in what they write.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import pytest
from login_page import login_page

from mlem.testing import Project

CANARY = "canary-7e41d0"


@pytest.fixture
def shared(project: Project, seaweedfs: Any, monkeypatch: pytest.MonkeyPatch) -> Project:
    for key, value in seaweedfs.environment.items():
        monkeypatch.setenv(key, value)
    for key, value in {
        "endpoint_url": seaweedfs.url,
        "ttl_s": "3",
        "uri": f"s3://states/{os.urandom(4).hex()}",
    }.items():
        done = project.mlem("config", "set", f"core.state.{key}", value)
        assert done.returncode == 0, done.stderr
    return project


def test_a_plan_says_create_where_nothing_is_deployed(shared: Project) -> None:
    def planned() -> set[str]:
        return {change["action"] for change in shared.json("deployment", "plan", "app")["changes"]}

    declared = shared.mlem("declare", "deployment", "local", "app", "--model", "iris")
    assert (declared.returncode, planned()) == (0, {"create"})
    done = shared.mlem("deployment", "plan", "app", "--detailed-exitcode")
    assert done.returncode == 10, done.stderr
    assert shared.mlem("deployment", "run", "--load", "app").returncode == 0
    assert planned() == {"keep"}
    assert shared.mlem("deployment", "remove", "app").returncode == 0
    assert planned() == {"create"}


def test_a_page_in_the_place_of_s3_is_not_taken_for_an_old_state(
    project: Project, seaweedfs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in seaweedfs.environment.items():
        monkeypatch.setenv(key, value)
    with login_page() as address:
        page = {"type": "s3", "uri": "s3://states/x", "endpoint_url": address}
        done = project.run("local", "app", "iris", {f"state_manager.{key}": value for key, value in page.items()})
    assert (done.returncode, "error[no-s3]" in done.stderr) == (7, True), done.stderr


READ_ONLY = 'mount --bind "$PWD" "$PWD" && mount -o remount,bind,ro "$PWD" && cd "$PWD" && exec "$@"'


def test_a_checkout_that_can_not_be_written_is_enough(shared: Project) -> None:
    shared.mlem("declare", "deployment", "local", "app", "--model", "iris")
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        assert os.environ.get("CI") != "true", "CI must be able to mount"
        pytest.skip("only root mounts")
    before = sorted(shared.folder.iterdir())
    checkout = Project(shared.folder, shared.environment, ("unshare", "--mount", "sh", "-c", READ_ONLY, "sh"))
    assert checkout.python("-c", "open('x', 'w')").returncode == 1
    for words, expected in (
        ("plan app --detailed-exitcode", 10),
        ("run --load app", 0),
        ("status app", 0),
        ("run --load app --model iris", 0),
        ("list", 0),
        ("remove app", 0),
    ):
        done = checkout.mlem("deployment", *words.split())
        assert (done.returncode, "rror" in done.stderr) == (expected, False), (words, done.stdout, done.stderr)
    done = checkout.mlem("deployment", "run", "--load", "app", "--model", "iris-v2")
    assert (done.returncode, "error[permission-denied]" in done.stderr) == (2, True), done.stderr
    assert shared.json("deployment", "plan", "app")["changes"][0]["action"] == "create"
    assert sorted(shared.folder.iterdir()) == before
    assert shared.mlem("deployment", "run", "--load", "app").returncode == 0
    done = checkout.mlem("deployment", "remove", "app")
    assert (done.returncode, "rror" in done.stderr) == (0, False), done.stderr
    assert (shared.folder / "app.mlem.state.at").exists()
    assert shared.json("deployment", "plan", "app")["changes"][0]["action"] == "create"


def begin(project: Project, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "mlem.cli", "deployment", *arguments],
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def holder(project: Project) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = project.json("deployment", "lock", "show", "app")
    return found


def await_holder(project: Project, command: subprocess.Popen[str]) -> Mapping[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        found = holder(project)
        if found is not None:
            return found
        assert command.poll() is None, command.communicate()
    raise AssertionError("nobody took the lock")


SLOW = """
import sys, time
seconds = float(sys.argv[1])
from mlem_provider_local.steps import ProcessStep
apply = ProcessStep.apply
def slow(self, ctx, wanted, recorded):
    time.sleep(seconds)
    return apply(self, ctx, wanted, recorded)
ProcessStep.apply = slow
from mlem.cli.main import main
main(sys.argv[2:])
"""


def begin_slowly(project: Project, seconds: float, *arguments: str) -> subprocess.Popen[str]:
    """Run a command whose platform takes its time."""
    command = [sys.executable, "-c", SLOW, str(seconds), "deployment", *arguments]
    return subprocess.Popen(command, cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_of_two_commands_at_once_one_deploys_and_the_other_waits_or_gives_up_with_the_holders_name(
    shared: Project,
) -> None:
    assert shared.mlem("declare", "deployment", "local", "app", "--model", "iris").returncode == 0
    first = begin_slowly(shared, 8, "run", "--load", "app")
    found = await_holder(shared, first)
    assert (found["operation"], found["pid"]) == ("run", first.pid)
    hurried = shared.mlem("deployment", "run", "--load", "app", "--lock-timeout", "0.5")
    assert (hurried.returncode, found["holder"] in hurried.stderr, found["id"] in hurried.stderr) == (5, True, True), (
        hurried.stderr
    )
    patient = begin(shared, "run", "--load", "app", "--lock-timeout", "120")
    outputs = [one.communicate(timeout=180) for one in (first, patient)]
    assert [first.returncode, patient.returncode] == [0, 0], outputs
    assert "waiting up to 120 s for the lock" in outputs[1][1]
    assert "nothing to change" in outputs[1][0]
    assert (holder(shared), len(shared.json("deployment", "releases", "app"))) == (None, 1)


def test_after_a_kill_the_next_command_takes_over_at_once_and_finishes(shared: Project) -> None:
    assert shared.mlem("declare", "deployment", "local", "app", "--model", "iris").returncode == 0
    first = begin_slowly(shared, 60, "run", "--load", "app")
    await_holder(shared, first)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    shown = holder(shared)
    assert shown is not None
    assert (shown["dead"], shown["until"]) == (True, "its process is gone: the next command takes over")
    done = shared.mlem("deployment", "run", "--load", "app", "--lock-timeout", "0")
    assert done.returncode == 0, done.stderr
    assert shared.mlem("deployment", "status", "app").stdout == "running\n"


def test_an_interrupt_leaves_no_lock(shared: Project) -> None:
    assert shared.mlem("declare", "deployment", "local", "app", "--model", "iris").returncode == 0
    first = begin_slowly(shared, 60, "run", "--load", "app")
    await_holder(shared, first)
    first.send_signal(signal.SIGINT)
    _, errors = first.communicate(timeout=60)
    assert (first.returncode, holder(shared)) == (130, None), errors


def test_a_named_lock_is_released_by_another_step_of_the_job(shared: Project) -> None:
    assert shared.mlem("declare", "deployment", "local", "app", "--model", "iris").returncode == 0
    first = begin_slowly(shared, 8, "run", "--load", "app", "--lock-id", "job-42")
    found = await_holder(shared, first)
    assert found["id"] == "job-42"
    assert shared.mlem("deployment", "lock", "release", "app").returncode == 5
    released = shared.mlem("deployment", "lock", "release", "app", "--id", "job-42")
    assert released.returncode == 0, released.stderr
    _, errors = first.communicate(timeout=120)
    assert (first.returncode, "error[lock-lost]" in errors) == (5, True), errors


def test_a_state_moves_to_s3_while_its_deployment_runs_and_nothing_secret_is_written(
    project: Project, seaweedfs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in seaweedfs.environment.items():
        monkeypatch.setenv(key, value)
    for name in ("MLEM_TOKEN", "HEROKU_API_KEY", "DOCKER_PASSWORD", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, CANARY)
    monkeypatch.delenv("AWS_SESSION_TOKEN")
    assert project.run("local", "app", "iris").returncode == 0
    address = project.json("deployment", "status", "app")["url"]
    uri = f"s3://states/{os.urandom(4).hex()}"
    assert project.mlem("config", "set", "core.state.endpoint_url", seaweedfs.url).returncode == 0
    assert project.mlem("config", "set", "core.state.uri", uri).returncode == 0
    lost = project.mlem("deployment", "status", "app")
    assert (lost.returncode, "error[other-manager]" in lost.stderr) == (4, True), lost.stderr
    listed = project.json("deployment", "list")
    assert [(row["name"], row["status"]) for row in listed] == [("app", "unknown")]
    moved = project.mlem("deployment", "state", "move", "app", uri)
    assert moved.returncode == 0, moved.stderr
    assert project.json("deployment", "status", "app")["url"] == address
    for arguments in (
        ["run", "--load", "app", "--model", "iris-v2"],
        ["rollback", "app"],
        ["lock", "hold", "app"],
        ["lock", "release", "app"],
    ):
        done = project.mlem("deployment", *arguments)
        assert done.returncode == 0, done.stderr
    import boto3

    client = boto3.client("s3", endpoint_url=seaweedfs.url)
    keys = [
        item["Key"]
        for item in client.list_objects_v2(Bucket="states", Prefix=uri.removeprefix("s3://states/"))["Contents"]
    ]
    assert [key.partition("/")[2] for key in keys] == [".mlem.state/app.mlem.state"]
    written = [client.get_object(Bucket="states", Key=key)["Body"].read() for key in keys]
    written += [path.read_bytes() for path in project.folder.rglob("*") if path.is_file()]
    secrets = [CANARY.encode(), seaweedfs.environment["AWS_SECRET_ACCESS_KEY"].encode()]
    assert [secret for secret in secrets for data in written if secret in data] == []
    assert json.loads(json.dumps(project.json("deployment", "remove", "app")))["removed"] is True
    assert "Contents" not in client.list_objects_v2(Bucket="states", Prefix=uri.removeprefix("s3://states/"))
