"""Every line of the table of exit codes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlem.state.locks.request import LockRequest
from mlem.state.stores.local import LocalStateManager
from mlem.testing import Project

NO_TRACEBACK = "Traceback"


def until(condition: Callable[[], bool], limit_s: float = 30.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_0_done(project: Project) -> None:
    done = project.run("local", "app", "iris")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "app is running")


def test_1_a_defect_shows_its_traceback(project: Project) -> None:
    done = project.python(
        "-c",
        "import mlem.project.overlays\n"
        "def broken(*_): raise RuntimeError('a defect')\n"
        "mlem.project.overlays.deployments_below = broken\n"
        "from mlem.cli.main import main\nmain(['deployment', 'list'])",
    )
    assert (done.returncode, "RuntimeError: a defect" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["deployment", "run", "local", "app", "--model", "iris", "--port", "http"],
            'port: expected an integer from 1 to 65535, got "http"',
        ),
        (["deployment", "run", "local", "app", "--model", "iris", "--prt", "80"], "No such option '--prt'"),
        (["deployment", "run", "local", "app"], "no model is named"),
        (["deployment", "run"], "what should be deployed?"),
        (["deployment", "status", "iris"], "expected a deployment, got a model"),
        (["deployment", "statis", "app"], 'did you mean "status"?'),
        (["frobnicate"], 'no command "mlem frobnicate"'),
        (["types", "envs"], 'no kind "envs"'),
    ],
)
def test_2_wrong_usage(project: Project, arguments: list[str], message: str) -> None:
    done = project.mlem(*arguments)
    assert (done.returncode, message in done.stderr, done.stdout) == (2, True, ""), done.stderr
    assert NO_TRACEBACK not in done.stderr
    assert not (project.folder / "app.mlem").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["deployment", "run", "local", "app", "--model", "irsi"], "no object 'irsi'"),
        (["deployment", "run", "locla", "app", "--model", "iris"], 'did you mean "local"?'),
        (["deployment", "status", "app"], "no object 'app'"),
        (["deployment", "apply", "app", "new.csv"], "no object 'app'"),
        (["deployment", "status", "app", "--project", "nowhere"], "no project folder nowhere"),
        (["config", "get", "core.stat"], 'no setting "core.stat"'),
    ],
)
def test_3_not_found(project: Project, arguments: list[str], message: str) -> None:
    done = project.mlem(*arguments)
    assert (done.returncode, message in done.stderr, done.stdout) == (3, True, ""), done.stderr
    assert NO_TRACEBACK not in done.stderr


def test_4_an_artifact_that_was_changed_by_one_byte(project: Project) -> None:
    data = bytearray((project.folder / "iris").read_bytes())
    data[100] ^= 1
    (project.folder / "iris").write_bytes(data)
    done = project.run("local", "app", "iris")
    assert (done.returncode, "is not the file that was saved" in done.stderr) == (4, True), done.stderr


def test_4_a_model_file_that_was_cut_short(project: Project) -> None:
    path = project.folder / "iris"
    path.write_bytes(path.read_bytes()[:500])
    done = project.run("local", "app", "iris")
    assert (done.returncode, "is truncated" in done.stderr) == (4, True), done.stderr


def test_5_locked_by_another_run_names_the_holder(project: Project) -> None:
    project.run("local", "app", "iris")
    project.mlem("deployment", "lock", "hold", "app", "--message", "audit", "--lock-id", "ci-7")
    done = project.mlem("deployment", "remove", "app", "--lock-timeout", "0")
    assert (done.returncode, "ci-7: audit" in done.stderr) == (5, True), done.stderr
    seen = project.mlem("deployment", "status", "app")
    assert (seen.returncode, seen.stdout.strip(), "locked by" in seen.stderr, "ci-7: audit" in seen.stderr) == (
        0,
        "running",
        True,
        True,
    )
    assert project.mlem("deployment", "lock", "release", "app", "--id", "ci-7").returncode == 0


def test_5_two_runs_at_once_one_waits_or_gives_up(project: Project) -> None:
    project.run("local", "app", "iris")
    manager = LocalStateManager()
    store = manager.store(project.folder)
    held = project.handle("app").state()
    assert held is not None
    from mlem.state.locks.owner import new_lock

    with manager.session(LockRequest(store, "app", new_lock("test"))):
        done = project.mlem("deployment", "run", "--load", "app", "--lock-timeout", "0.2")
    assert (done.returncode, "test since" in done.stderr, "waiting up to 0.2 s" in done.stderr) == (5, True, True), (
        done.stderr
    )
    assert project.mlem("deployment", "run", "--load", "app").returncode == 0


def test_7_the_platform_failed(project: Project) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = project.run("local", "app", "iris", {"port": taken.getsockname()[1]})
    assert (done.returncode, "Address already in use" in done.stderr, "--port N" in done.stderr) == (7, True, True), (
        done.stderr
    )


def test_8_the_gate_failed(project: Project) -> None:
    path = project.folder / "iris.mlem"
    path.write_text(path.read_text().replace("    returns:\n    - 0\n", "    returns:\n    - 1\n"))
    done = project.run("local", "app", "iris")
    assert (done.returncode, "the sample row gives [0], but gave [1]" in done.stderr) == (8, True), done.stderr
    assert project.handle("app").releases() == ()


def test_9_timed_out(project: Project) -> None:
    project.run("local", "app", "iris")
    done = project.mlem("deployment", "wait", "app", "--status", "stopped", "--timeout", "0.3")
    assert (done.returncode, "is still running after 0.3 s" in done.stderr) == (9, True), done.stderr


def test_10_differs(project: Project) -> None:
    project.run("local", "app", "iris")
    assert project.mlem("deployment", "plan", "app", "--detailed-exitcode").returncode == 0
    assert project.mlem("deployment", "plan", "app", "--model", "iris-v2", "--detailed-exitcode").returncode == 10
    assert project.mlem("deployment", "status", "app", "--check").returncode == 0
    project.mlem("deployment", "remove", "app")
    assert project.mlem("deployment", "status", "app", "--check").returncode == 10


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_130_interrupted_releases_the_lock_and_keeps_the_journal(
    project: Project, sent: signal.Signals, code: int
) -> None:
    # The gate of this model waits for a sample that takes a minute: time to interrupt.
    slow = "import time, mlem.api, sys\nstart = time.time()\n"
    slow += (
        "def f(x: float) -> float:\n    import os, time\n    time.sleep(60 if os.environ.get('SLOW') else 0)\n"
        "    return x\n"
    )
    slow += "mlem.api.save(f, 'slow', sample_data=1.0)\n"
    assert project.python("-c", slow).returncode == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "mlem.cli", "deployment", "run", "local", "app", "--model", "slow"],
        cwd=project.folder,
        env={**os.environ, "SLOW": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    until(
        lambda: (
            (project.folder / "app.mlem.state").exists()
            and "process:" in (project.folder / "app.mlem.state").read_text()
        )
    )
    process.send_signal(sent)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == code, stderr
    assert NO_TRACEBACK not in stderr
    state = project.handle("app").state()
    assert state is not None
    assert (state.lock, list(state.records), state.releases) == (None, ["model", "process"], ())
    assert project.mlem("deployment", "remove", "app", "--lock-timeout", "1").returncode == 0


LOSES = """
import os, signal
from mlem.state.state import State
to_bytes, written = State.to_bytes, []
def loses(state):
    written.append(state)
    if len(written) == 3:
        try:
            os.kill(os.getpid(), signal.{sent})
        except BaseException:
            {then}
    return to_bytes(state)
State.to_bytes = loses
from mlem.cli.main import main
main(["deployment", "run", "local", "app", "--model", "iris"])
"""


@pytest.mark.parametrize(("sent", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
@pytest.mark.parametrize("then", ["pass", "raise ValueError('Error calling function: KeyboardInterrupt')"])
def test_130_an_interrupt_that_a_library_swallows_or_renames_is_none_the_less_one(
    project: Project, sent: str, code: int, then: str
) -> None:
    done = project.python("-c", LOSES.format(sent=sent, then=then))
    assert (done.returncode, "Traceback" in done.stderr, done.stdout) == (code, False, ""), done.stderr
    state = project.handle("app").state()
    assert state is not None
    assert (state.lock, state.releases, state.history[-1].outcome) == (None, (), "interrupted")


def test_errors_are_json_when_json_is_asked_for(project: Project) -> None:
    done = project.mlem("deployment", "status", "app", "--output", "json")
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["exit_code"], done.returncode) == ("not-found", 3, 3)


def test_a_reader_that_closes_early_is_no_error(project: Project) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m mlem.cli types | true; echo ${{PIPESTATUS[0]}}"],
        capture_output=True,
        text=True,
        check=True,
        cwd=project.folder,
    )
    assert (done.stdout.strip(), NO_TRACEBACK in done.stderr) == ("0", False), done.stderr


def test_a_declaration_that_is_no_yaml_names_the_line(project: Project) -> None:
    Path(project.folder, "bad.mlem").write_text("object_type: deployment\ntype: [local\nport: 1\n")
    done = project.mlem("deployment", "status", "bad")
    assert (done.returncode, done.stderr.startswith("error[bad-declaration]: bad.mlem:3:")) == (2, True), done.stderr


def test_a_state_file_of_garbage_is_left_alone(project: Project) -> None:
    project.run("local", "app", "iris")
    path = project.folder / "app.mlem.state"
    good = path.read_bytes()
    path.write_bytes(b"garbage: [")
    for command in (["status", "app"], ["run", "--load", "app"], ["remove", "app"], ["plan", "app"]):
        done = project.mlem("deployment", *command)
        assert (done.returncode, "the state can't be read" in done.stderr, NO_TRACEBACK in done.stderr) == (
            2,
            True,
            False,
        ), done.stderr
    assert path.read_bytes() == b"garbage: ["
    path.write_bytes(good)


def test_a_read_only_folder_is_told(project: Project) -> None:
    # Permission bits don't bind root; the immutable attribute does.
    protect, free = (["chattr", "+i"], ["chattr", "-i"]) if os.geteuid() == 0 else (["chmod", "a-w"], ["chmod", "u+w"])
    if subprocess.run([*protect, str(project.folder)], check=False, capture_output=True).returncode:
        pytest.skip("this file system can't make a folder read-only for root")
    try:
        done = project.run("local", "app", "iris")
    finally:
        subprocess.run([*free, str(project.folder)], check=True)
    said = done.stderr.replace(str(project.folder) + "/", "")
    assert (done.returncode, "error[permission-denied]: can't lock app.mlem.state" in said) == (2, True), done.stderr
    assert NO_TRACEBACK not in done.stderr


def test_an_unreadable_declaration_is_told(project: Project) -> None:
    (project.folder / "app.mlem").mkdir()
    done = project.mlem("deployment", "status", "app")
    assert (done.returncode, "Is a directory" in done.stderr, NO_TRACEBACK in done.stderr) == (2, True, False), (
        done.stderr
    )
