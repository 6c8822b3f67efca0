"""What a person sees at a terminal, and what a program or a CI job gets instead."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time

import pytest

from mlem.testing import Project

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_IN_CI = ("CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "TF_BUILD", "CIRCLECI")


def at_terminal(project: Project, *arguments: str, **variables: str) -> tuple[int, str]:
    """Run a command whose stdout and stderr are a terminal; return its exit code and all that the terminal got."""
    environment = {name: value for name, value in project.variables.items() if name not in _IN_CI}
    main, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mlem.cli", *arguments],
        cwd=project.folder,
        env={**environment, "TERM": "xterm-256color", "COLUMNS": "100", **variables},
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    written = b""
    deadline = time.monotonic() + 120
    try:
        while time.monotonic() < deadline and select.select([main], [], [], 5)[0]:
            written += os.read(main, 65536)
    except OSError:  # the other end was closed: the command has ended
        pass
    finally:
        os.close(main)
    return process.wait(timeout=30), written.decode()


def left_on_screen(written: str) -> list[str]:
    """Return the lines that stay on a terminal: what was overwritten is gone."""
    lines = [""]
    for part in re.split(r"(\x1b\[2K|\x1b\[1A|\r\n|\r|\n)", written):
        if part == "\x1b[2K":
            lines[-1] = ""
        elif part == "\x1b[1A":
            lines.pop()
        elif part in ("\n", "\r\n"):
            lines.append("")
        elif part != "\r":
            lines[-1] += _CONTROL.sub("", part)
    return [line.rstrip() for line in lines if line.strip()]


def test_a_run_at_a_terminal_is_a_line_for_each_step_then_the_times_and_how_to_call(project: Project) -> None:
    code, written = at_terminal(project, "deployment", "run", "local", "app", "--model", "iris")
    assert code == 0, written
    assert re.search(r"waiting until it answers as the saved model did\S*  \d+ s", written)  # while it waits
    seen = [re.sub(r"\d+\.\d s", "N s", re.sub(r":\d{4,5}", ":PORT", line)) for line in left_on_screen(written)]
    url = "http://127.0.0.1:PORT"
    done = [line.removesuffix("  N s") for line in seen[:2]]  # what takes no second is said without its time
    assert done == ["creating model (not there yet)", "creating process (not there yet)"]
    assert seen[2] == "waiting until it answers as the saved model did  N s"
    assert seen[3] == "took N s"
    assert seen[4].lstrip() == "N s  waiting until it answers as the saved model did"
    assert seen[5:8] == ["app is running", f"url: {url}", f"page: {url}/"]
    assert seen[-1].startswith(f"try: curl -X POST {url}/predict -H 'Content-Type: application/json' -d '{{\"X\": [{{")


def test_status_at_a_terminal_says_the_word_first_then_what_serves_where_since_when_and_by_whom(
    project: Project,
) -> None:
    assert project.run("local", "app", "iris").returncode == 0
    code, written = at_terminal(project, "deployment", "status", "app")
    word, release, model, url, since, by = left_on_screen(written)
    assert (code, word, release) == (0, "running", "release: 1")
    assert re.fullmatch(r"model: iris \([0-9a-f]{32}\)", model)
    assert re.fullmatch(r"url: http://127\.0\.0\.1:\d+", url)
    assert re.fullmatch(r"since: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, \d+ s ago", since)
    assert by.startswith("by: ")
    assert project.mlem("deployment", "status", "app").stdout == "running\n"


@pytest.mark.parametrize("variables", [{"CI": "true"}, {"TERM": "dumb"}], ids=["in CI", "dumb"])
def test_where_nobody_looks_at_the_terminal_nothing_is_overwritten(project: Project, variables: dict[str, str]) -> None:
    code, written = at_terminal(project, "deployment", "run", "local", "app", "--model", "iris", **variables)
    assert code == 0, written
    assert (re.search(r"\r(?!\n)", written), "\x1b" in written) == (None, False)
    assert "waiting until it answers as the saved model did\r\n" in written


def test_no_color_has_no_colour(project: Project) -> None:
    _, written = at_terminal(project, "deployment", "run", "local", "app", "--model", "iris", NO_COLOR="1")
    assert re.findall(r"\x1b\[[0-9;]*3[0-9](;[0-9]+)*m", written) == []
    code, written = at_terminal(project, "deployment", "status", "nothing", NO_COLOR="1")
    assert (code, "\x1b[3" in written) == (3, False)


def test_in_a_pipe_progress_is_on_stderr_and_results_are_on_stdout(project: Project) -> None:
    done = project.run("local", "app", "iris")
    lines = done.stderr.splitlines()
    assert lines[:3] == [
        "creating model (not there yet)",
        "creating process (not there yet)",
        "waiting until it answers as the saved model did",
    ]
    assert all(re.fullmatch(r"took \d+\.\d s|  +\d+\.\d s  .*", line) for line in lines[3:])
    assert (done.stdout.splitlines()[0], "\r" in done.stderr, "\x1b" in done.stderr) == ("app is running", False, False)
    quiet = project.mlem("deployment", "run", "--load", "app", "--quiet")
    assert (quiet.returncode, quiet.stderr) == (0, "")


HOSTILE = "it's; touch owned; $(touch owned) `touch owned` \x1b[2J\r\n::error::x \u202e"


def test_the_curl_line_has_the_models_sample_and_the_callers_token_and_a_shell_finds_nothing_to_obey(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = f"import mlem.api\nmlem.api.save(lambda text: len(text), 'length', sample_data={HOSTILE!r})"
    assert project.python("-c", code).returncode == 0
    monkeypatch.setenv("MLEM_SERVER_TOKENS", "s3cret")
    monkeypatch.setenv("MLEM_TOKEN", "s3cret")
    _, written = at_terminal(project, "deployment", "run", "local", "app", "--model", "length")
    line = next(line for line in left_on_screen(written) if line.startswith("try: ")).removeprefix("try: ")
    assert (' -H "Authorization: Bearer $MLEM_TOKEN" ' in line, line.isascii(), line.isprintable()) == (True,) * 3
    assert ("\x1b[2J" in written, "s3cret" in written) == (False, False)
    done = subprocess.run(["bash", "-c", line], cwd=project.folder, capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), (project.folder / "owned").exists()) == (str(len(HOSTILE)), False)


def test_a_sample_that_is_too_long_for_a_command_line_is_left_to_our_own_command(project: Project) -> None:
    code = "import mlem.api\nmlem.api.save(lambda text: len(text), 'length', sample_data='x' * 5000)"
    assert project.python("-c", code).returncode == 0
    assert project.run("local", "app", "length").stdout.splitlines()[-1] == "try: mlem deployment apply app DATA"
