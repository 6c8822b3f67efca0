"""What is done every day with one deployment: look, watch, read its log, open its page."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from waiting import wait_until

from mlem.testing import Project

PRINTS = "import sys; print(sys.argv[1:])"


@pytest.fixture
def running(project: Project) -> Project:
    done = project.run("local", "app", "iris")
    assert done.returncode == 0, done.stderr
    return project


def test_log_lines_since_a_time(running: Project) -> None:
    every = running.mlem("deployment", "logs", "app").stdout.splitlines()
    assert every
    assert running.mlem("deployment", "logs", "app", "--since", "1h").stdout.splitlines() == every
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert running.mlem("deployment", "logs", "app", "--since", later).stdout == ""
    second = every[1].split()[0]
    since = [line for line in every if line.split()[0] >= second]  # the first may be of the same millisecond
    assert running.mlem("deployment", "logs", "app", "--since", second).stdout.splitlines() == since
    assert running.mlem("deployment", "logs", "app", "--since", "1h", "--tail", "1").stdout.splitlines() == every[-1:]
    wrong = running.mlem("deployment", "logs", "app", "--since", "yesterday")
    assert (wrong.returncode, "expected a duration (90min, 2h) or a time" in wrong.stderr) == (2, True)


def test_the_page_is_opened_by_the_users_browser(running: Project) -> None:
    opened = running.folder / "opened"
    browser = running.folder / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}\n')
    browser.chmod(0o755)
    seen = Project(running.folder, {"BROWSER": f"{browser} %s", "DISPLAY": ""})
    url = running.json("deployment", "status", "app")["url"]
    assert seen.mlem("deployment", "open", "app").stdout == f"{url}\n"
    assert running.mlem("declare", "deployment", "local", "other", "--model", "iris").returncode == 0
    assert seen.mlem("deployment", "open", "other").returncode == 3


def test_a_watched_deployment_shows_its_changes(running: Project) -> None:
    watching = subprocess.Popen(
        [sys.executable, "-m", "mlem.cli", "deployment", "status", "app", "--watch"],
        cwd=running.folder,
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    assert watching.stdout.readline().split()[1:] == ["app", "running"]
    assert running.mlem("deployment", "remove", "app").returncode == 0
    while (words := watching.stdout.readline().split()[1:]) != ["app", "not_deployed"]:
        assert words[:1] == ["app"]  # it may be seen while it stops
    watching.send_signal(signal.SIGINT)
    assert (watching.wait(20), "Traceback" in watching.communicate()[1]) == (130, False)


def test_the_words_after_two_dashes_are_the_commands_own(running: Project) -> None:
    words = ["--traceback", "--output=json", "--help", "-n", "--"]
    done = running.mlem("deployment", "exec", "app", "-n", "--", sys.executable, "-c", PRINTS, *words)
    assert (done.returncode, done.stdout) == (0, f"{words}\n"), done.stderr
    done = running.mlem("deployment", "exec", "app")
    assert (done.returncode, "Missing argument" in done.stderr) == (2, True), done.stderr
    done = running.mlem("deployment", "exec", "app", "--tty", "--", "true")
    assert (done.returncode, "error[no-terminal]" in done.stderr) == (2, True), done.stderr
    done = running.mlem("deployment", "exec", "other", "--", "true")
    assert done.returncode == 3, done.stderr


def test_what_a_command_writes_is_passed_on_and_what_a_log_has_is_shown(running: Project) -> None:
    done = running.mlem("deployment", "exec", "app", "--", "printf", "\\033[31mred")
    assert done.stdout == "\033[31mred"


def test_a_check_is_red_when_it_does_not_run(running: Project) -> None:
    assert running.mlem("deployment", "status", "app", "--check").returncode == 0
    record = running.handle("app").state()
    assert record is not None
    pid = record.records["process"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: running.mlem("deployment", "status", "app", "--check").returncode == 10)
