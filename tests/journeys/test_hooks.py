"""Hooks of a project: called at their points with what they need to know; one that fails stops the run before harm."""

from __future__ import annotations

import http.server
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from waiting import wait_until

from mlem import api
from mlem.deployments.execution.options import RunOptions
from mlem.testing import Project

POSTING = Path(__file__).parents[2] / "examples" / "hooks" / "post_to_webhook.py"
NOTING = """
import json, os, sys
told = json.load(sys.stdin)
told["variables"] = {key: value for key, value in os.environ.items() if key.startswith("MLEM_")}
told["folder"] = os.getcwd()
told["states"] = [name for name in os.listdir() if name.endswith(".state")]
told["declared"] = os.path.exists("app.mlem")
with open("told.jsonl", "a") as file:
    file.write(json.dumps(told) + "\\n")
print("noted", told["hook"])
"""
POINTS = ["before-build", "after-build", "before-release", "after-gate"]


@pytest.fixture
def project(plain: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    for name in ("CI", "GITHUB_ACTIONS", "GITLAB_CI"):
        monkeypatch.delenv(name, raising=False)
    (plain.folder / "note.py").write_text(NOTING)
    yield plain
    for name, _ in api.deployments(str(plain.folder)):
        plain.mlem("deployment", "remove", name)


def hooks(project: Project, **commands: Any) -> None:
    """Write the project's hooks; ``note`` is what writes down what it was told."""
    path = project.folder / ".mlem.yaml"
    config = yaml.safe_load(path.read_text()) or {}
    note = f"{shlex.quote(sys.executable)} note.py"
    config["core"] = {"hooks": {point: note if one == "note" else one for point, one in commands.items()}}
    path.write_text(yaml.safe_dump(config))


def all_noted(project: Project, **others: Any) -> None:
    hooks(project, **{point.replace("-", "_"): "note" for point in [*POINTS, "on-failure"]} | others)


def told(project: Project) -> list[dict[str, Any]]:
    """Return what the hooks have been told since the last time."""
    path = project.folder / "told.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return [json.loads(line) for line in lines]


def run(project: Project, *options: str) -> subprocess.CompletedProcess[str]:
    return project.mlem("deployment", "run", "local", "app", *options)


def test_each_is_called_at_its_point_and_told_what_happens(project: Project) -> None:
    all_noted(project)
    done = run(project, "--model", "double", "--message", "the first")
    assert done.returncode == 0, done.stderr
    first = told(project)
    assert [one["hook"] for one in first] == POINTS
    assert [one["url"] for one in first[:3]] == [None, None, None]
    url = done.stdout.split("url: ")[1].split("\n")[0]
    last = first[-1]
    digest = project.json("deployment", "releases", "app")[0]["model_hash"]
    expected = {
        "hook": "after-gate",
        "deployment": "app",
        "type": "local_process",
        "model": "double",
        "model_hash": digest,
        "release": 1,
        "url": url,
        "message": "the first",
        "job_url": "",
    }
    assert {key: last[key] for key in expected} == expected
    variables = {f"MLEM_{key.upper()}": "" if value is None else str(value) for key, value in expected.items()}
    assert {key: last["variables"][key] for key in variables} == variables
    assert (last["error"], last["variables"]["MLEM_ERROR"]) == (None, "")
    assert "@" in last["performer"]
    assert last["folder"] == str(project.folder)
    assert [change["action"] for change in last["changes"]] == ["create", "create"]
    assert first[0]["declared"] is False
    assert "hook after-gate: noted after-gate" in done.stderr

    assert run(project, "--model", "double").returncode == 0
    assert told(project) == []  # nothing to change
    assert run(project, "--model", "triple", "--quiet").returncode == 0
    assert [(one["hook"], one["release"]) for one in told(project)] == [(point, 2) for point in POINTS]
    for words in (["rollback", "app"], ["restart", "app"], ["plan", "app"], ["remove", "app"]):
        assert project.mlem("deployment", *words).returncode == 0
    assert told(project) == []


def test_the_build_is_done_when_it_is_said_to_be_and_nothing_serves_yet(project: Project) -> None:
    look = f"{shlex.quote(sys.executable)} -c \"print(open('app.mlem.state').read())\""
    hooks(project, after_build=look)
    done = run(project, "--model", "double")
    assert done.returncode == 0, done.stderr
    assert "hook after-build: model:" in done.stderr
    assert "hook after-build: process:" not in done.stderr


def test_one_that_refuses_before_the_build_leaves_nothing(project: Project) -> None:
    all_noted(project, before_build="sh -c \"echo no; printf '\\033[2Jnot today'; exit 3\"")
    done = run(project, "--model", "double")
    assert done.returncode == 8
    assert "error[hook-failed]: hook before-build failed: sh -c " in done.stderr
    assert ": exit status 3; nothing was changed\n    | no\n    | \\x1b[2Jnot today\nhint: " in done.stderr
    assert [path.name for path in project.folder.glob("app.mlem*") if path.suffix != ".lock"] == []
    [failure] = told(project)
    assert (failure["hook"], failure["error"]["code"], failure["release"]) == ("on-failure", "hook-failed", None)


@pytest.mark.parametrize("point", ["before_build", "after_build", "before_release", "after_gate"])
def test_after_one_that_fails_the_old_release_serves(project: Project, point: str) -> None:
    assert run(project, "--model", "double").returncode == 0
    before = project.handle("app").state()
    all_noted(project, **{point: "false"})
    done = run(project, "--model", "triple")
    assert done.returncode == 8, done.stderr
    assert f"hook {point.replace('_', '-')} failed: false: exit status 1" in done.stderr
    [*earlier, failure] = told(project)
    assert [one["hook"] for one in earlier] == POINTS[: POINTS.index(point.replace("_", "-"))]
    assert (failure["hook"], failure["release"]) == ("on-failure", 1)
    assert failure["url"] == project.handle("app").address()
    after = project.handle("app").state()
    assert before is not None
    assert after is not None
    assert [one.number for one in after.releases] == [1]
    assert project.handle("app").status().phase == "running"
    with project.handle("app").get_client() as client:
        assert client.predict([1.0]) == [2.0]
    if point == "before_build":
        assert after.records == before.records
        assert "double" in (project.folder / "app.mlem").read_text()


def test_a_failed_gate_is_told_after_the_old_release_is_back(project: Project) -> None:
    assert run(project, "--model", "double").returncode == 0
    all_noted(project)
    assert run(project, "--model", "wrong").returncode == 8
    failure = told(project)[-1]
    assert (failure["hook"], failure["error"]["code"]) == ("on-failure", "gate-failed")
    assert failure["error"]["message"].endswith("serves again")
    assert failure["variables"]["MLEM_ERROR"] == failure["error"]["message"]


def test_a_failing_hook_on_failure_changes_neither_error_nor_exit_code(project: Project) -> None:
    hooks(project, on_failure=[["sh", "-c", "exit 9"]])
    done = run(project, "--model", "wrong")
    assert done.returncode == 8
    assert "warning: hook on-failure failed: sh -c 'exit 9': exit status 9" in done.stderr
    assert "error[gate-failed]" in done.stderr


def test_without_hooks_none_is_run(project: Project) -> None:
    all_noted(project, before_build="false")
    assert run(project, "--model", "double", "--no-hooks").returncode == 0
    project.handle("app").run(RunOptions(hooks=False))
    assert told(project) == []


def test_no_shell_reads_a_command(project: Project) -> None:
    hooks(project, before_build='echo "a b" $HOME; touch harm')
    done = run(project, "--model", "double")
    assert "hook before-build: a b $HOME; touch harm\n" in done.stderr
    assert not (project.folder / "harm").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("./nobody.sh", "hook before-build failed: ./nobody.sh: can't be started: No such file or directory"),
        ('"half', "hooks"),
        ([""], "hooks"),
        ([[]], "hooks"),
        (7, "hooks"),
    ],
)
def test_one_that_can_not_be_run_is_an_error(project: Project, command: Any, words: str) -> None:
    hooks(project, before_build=command)
    done = run(project, "--model", "double")
    assert done.returncode == (8 if isinstance(command, str) and command.startswith(".") else 2), done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


WAITING = "sh -c 'sleep 300 & echo $! > child; wait'"


def gone(project: Project) -> bool:
    """Say whether the process that the hook has begun is gone."""
    try:
        os.kill(int((project.folder / "child").read_text()), 0)
    except ProcessLookupError:
        return True
    return False


def test_one_that_takes_too_long_is_ended_with_all_that_it_began(project: Project) -> None:
    hooks(project, before_build=WAITING, timeout_s=0.5)
    done = run(project, "--model", "double")
    assert done.returncode == 8
    assert "did not end within 0.5 s; nothing was changed" in done.stderr
    wait_until(lambda: gone(project))


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_ends_a_hook_with_all_that_it_began(project: Project, sent: signal.Signals, code: int) -> None:
    hooks(project, before_build=WAITING, on_failure="note")
    process = subprocess.Popen(
        [sys.executable, "-m", "mlem.cli", "deployment", "run", "local", "app", "--model", "double"],
        cwd=project.folder,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: (project.folder / "child").exists() and (project.folder / "child").read_text().strip())
    process.send_signal(sent)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    wait_until(lambda: gone(project))


def test_settings_name_hooks(project: Project) -> None:
    assert project.mlem("config", "set", "core.hooks.after_gate", "echo 'all well'").returncode == 0
    assert project.json("config", "get", "core.hooks.after_gate")["value"] == [["echo", "all well"]]
    assert "hook after-gate: all well\n" in run(project, "--model", "double").stderr


def test_the_example_posts_to_a_webhook(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    posted: list[str] = []

    class Webhook(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Webhook) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("WEBHOOK_URL", f"http://127.0.0.1:{server.server_port}/")
        command = [sys.executable, str(POSTING)]
        hooks(project, after_gate=[command], on_failure=[command])
        done = run(project, "--model", "double", "--message", "better")
        assert done.returncode == 0, done.stderr
        assert run(project, "--model", "wrong").returncode == 8
        server.shutdown()
    url = project.handle("app").address()
    assert posted[0].startswith("app: release 1 (double) by ")
    assert posted[0].endswith(f": {url}\nbetter")
    assert posted[1].startswith("app failed: the new release ")
