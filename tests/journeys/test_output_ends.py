"""The end of an output stream decides about nothing: not about the work, and not about its exit code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlem.deployments.deployment import Phase, Status
from mlem.testing import Project
from mlem.testing.projects import SAMPLE

MLEM = f"{sys.executable} -m mlem.cli"


@pytest.fixture
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    project = Project.make(tmp_path / "project")
    project.save("double", 2.0)
    project.save("triple", 3.0)
    project.save_wrong("wrong")
    assert project.run("local", "app", "double").returncode == 0
    yield project
    project.mlem("deployment", "remove", "app")


def shell(project: Project, command: str) -> subprocess.CompletedProcess[str]:
    words = command.replace("mlem ", f"{MLEM} ")
    return subprocess.run(
        ["bash", "-c", words], cwd=project.folder, capture_output=True, text=True, timeout=120, check=False
    )


def served(project: Project) -> list[float]:
    handle = project.handle("app")
    assert handle.status() == Status(Phase.RUNNING)
    with handle.get_client() as client:
        answer: list[float] = client.predict(SAMPLE)
        return answer


def test_a_run_whose_progress_nobody_reads_is_done_whole(deployed: Project) -> None:
    # the reader is gone before the first line: each line of progress meets a broken pipe
    done = shell(deployed, "mlem deployment run local app --model triple 2>&1 | true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, served(deployed)) == ("0\n", [3.0, 6.0, 9.0])
    assert [release.number for release in deployed.handle("app").releases()] == [2, 1]
    done = shell(
        deployed, "mlem deployment run local app --model wrong 2>&1 | head -1 >/dev/null; echo ${PIPESTATUS[0]}"
    )
    assert (done.stdout, served(deployed)) == ("8\n", [3.0, 6.0, 9.0])
    done = shell(deployed, "mlem deployment remove app 2>&1 | true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, deployed.handle("app").status().phase) == ("0\n", Phase.NOT_DEPLOYED)


@pytest.mark.parametrize("end", ["| true", ">&-", ">&- 2>&-", "2>&-", "2>/dev/full"])
def test_an_exit_code_stays_when_nobody_reads(deployed: Project, end: str) -> None:
    for command, code in (
        ("deployment plan app --model triple --detailed-exitcode", 10),
        ("deployment plan app --detailed-exitcode", 0),
        ("deployment status nothing", 3),
        ("deployment status nothing --output json", 3),
        ("deployment status", 2),
        ("--help", 0),
    ):
        done = shell(deployed, f"exec 9>result; mlem {command} {end}; echo ${{PIPESTATUS[0]}} >&9")
        assert done.returncode == 0, done.stderr
        assert (command, (deployed.folder / "result").read_text()) == (command, f"{code}\n")


def test_a_result_that_can_not_be_written_is_told(deployed: Project) -> None:
    done = shell(deployed, "mlem deployment list --output json >/dev/full")
    assert (
        done.returncode,
        "error[output-lost]: the result can't be written: No space left on device" in done.stderr,
    ) == (7, True)


def test_a_log_may_be_read_in_part(deployed: Project) -> None:
    done = shell(deployed, "mlem deployment logs app | head -1; echo ${PIPESTATUS[0]}")
    assert done.stdout.splitlines()[-1] == "0"


SLOW = """
import os, time
import mlem.api
def predict(numbers: list[float]) -> list[float]:
    while os.path.exists(os.environ.get("WAIT_FOR", "")):
        time.sleep(0.05)
    return numbers
mlem.api.save(predict, "slow", sample_data=[1.0, 2.0, 3.0])
"""


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_a_terminal_that_closes_ends_a_run_in_order(deployed: Project, number: int) -> None:
    assert deployed.python("-c", SLOW).returncode == 0
    block = deployed.folder / "block"
    block.touch()
    run = [sys.executable, "-m", "mlem.cli", "deployment", "run", "local", "app", "--model", "slow"]
    with subprocess.Popen(
        run, cwd=deployed.folder, env={**os.environ, "WAIT_FOR": str(block)}, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert any(line.startswith("waiting until it answers") for line in process.stderr)
        process.send_signal(number)
        assert process.wait(30) == 128 + number
    handle = deployed.handle("app")
    assert (handle.holder(), handle.status().phase) == (None, Phase.STARTING)
    block.unlink()
    assert deployed.mlem("deployment", "run", "--load", "app").returncode == 0
    assert served(deployed) == SAMPLE


def test_nohup_is_respected(deployed: Project) -> None:
    logs = ["nohup", sys.executable, "-m", "mlem.cli", "deployment", "logs", "app", "--follow"]
    with subprocess.Popen(logs, cwd=deployed.folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.terminate()
        assert process.wait(30) == 128 + signal.SIGTERM


def test_a_terminal_without_colours_or_all_signs_is_respected(tmp_path: Path) -> None:
    project = Project.make(tmp_path / "project", {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    project.save("größe", 2.0)
    assert project.mlem("declare", "deployment", "local", "bär", "--model", "größe").returncode == 0
    assert [one["name"] for one in project.json("deployment", "list")] == ["bär"]
    asked = ["script", "-qec", f"{MLEM} deployment status nothing", "/dev/null"]
    for variable, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        environment = {**os.environ, **variable}
        done = subprocess.run(
            asked, cwd=project.folder, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, "error[not-found]" in done.stdout, "\x1b[31m" in done.stdout) == (3, True, coloured), (
            done.stdout
        )
