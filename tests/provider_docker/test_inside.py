"""In and around a container: commands by every way to the Engine, and the log of what ran before."""

from __future__ import annotations

import contextlib
import io
import signal
import subprocess
import sys

import pytest

from mlem import NotFoundError, Streams
from mlem.testing import Project
from mlem_provider_docker.api.commands import run_command
from mlem_provider_docker.api.sdk import Engine

from .test_journeys import APP, deploy, record, wait_until


def processes(engine: Engine, container: str) -> list[str]:
    return [line[-1] for line in engine.api.top(container)["Processes"]]


def memory(given: bytes | None = None) -> Streams:
    return Streams(None if given is None else io.BytesIO(given), io.BytesIO(), io.BytesIO())


def written(streams: Streams) -> tuple[bytes, bytes]:
    assert isinstance(streams.stdout, io.BytesIO)
    assert isinstance(streams.stderr, io.BytesIO)
    return streams.stdout.getvalue(), streams.stderr.getvalue()


def test_bytes_go_through_as_they_are(engine: Engine, container: str) -> None:
    every = bytes(range(256)) * 5000
    streams = memory(every)
    assert run_command(engine, container, ["sh", "-c", "cat; printf '\\033]0;title\\007' >&2"], streams) == 0
    assert written(streams) == (every, b"\x1b]0;title\x07")


def test_a_large_output_is_whole_though_nobody_waits_for_the_input(engine: Engine, container: str) -> None:
    streams = memory(b"x" * 5_000_000)
    assert run_command(engine, container, ["sh", "-c", "head -c 3000000 /dev/zero"], streams) == 0
    assert [len(part) for part in written(streams)] == [3_000_000, 0]


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 126", 126), ("exit 127", 127), ("kill -15 $$", 143)]
)
def test_exit_codes_are_the_commands_own(engine: Engine, container: str, script: str, code: int) -> None:
    assert run_command(engine, container, ["sh", "-c", script], memory()) == code


@pytest.mark.parametrize("word", ["no-such-program", "/etc/passwd", "/no/such"])
def test_what_is_no_program_is_said_so(engine: Engine, container: str, word: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        run_command(engine, container, [word], memory())
    assert (caught.value.code, word in caught.value.message) == ("no-such-command", True)


def test_a_container_that_goes_ends_its_command(engine: Engine, container: str) -> None:
    class Killing(io.BytesIO):
        def write(self, data: object) -> int:
            engine.stop(container, 1)
            return super().write(data)  # type: ignore[arg-type]  # bytes, as the command writes them

    streams = Streams(None, Killing(), io.BytesIO())
    with contextlib.suppress(NotFoundError):  # where the Engine forgets the command with its container
        assert run_command(engine, container, ["sh", "-c", "echo begun; exec sleep 600"], streams) == 137


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_goes_on_inside_when_the_command_line_is_ended(
    project: Project, engine: Engine, name: str, number: signal.Signals
) -> None:
    deploy(project, name)
    words = ["sh", "-c", "trap '' HUP; (trap '' INT; sleep 1000) & echo begun; wait"]
    with subprocess.Popen(
        [sys.executable, "-m", "mlem.cli", "deployment", "exec", APP, "--", *words],
        cwd=project.folder,
        env=project.variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "begun\n"
        assert any("sleep 1000" in one for one in processes(engine, record(project)["id"]))
        running.send_signal(number)
        code = running.wait(60)
    wait_until("the end", lambda: not any("sleep 1000" in one for one in processes(engine, record(project)["id"])))
    assert code == 128 + number


def test_a_reader_that_has_seen_enough_ends_the_command(project: Project, engine: Engine, name: str) -> None:
    deploy(project, name)
    mlem = f"{sys.executable} -m mlem.cli deployment exec {APP} -- yes"
    script = f"{mlem} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", script], cwd=project.folder, env=project.variables, capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, "Traceback" in done.stderr) == ("y\n141\n", False), done.stderr
    assert "yes" not in processes(engine, record(project)["id"])


def test_a_stopped_container_has_no_place_for_a_command(project: Project, engine: Engine, name: str) -> None:
    deploy(project, name)
    engine.stop(record(project)["id"], 5)
    done = project.mlem("deployment", "exec", APP, "--", "true")
    assert (done.returncode, "error[not-running]" in done.stderr) == (3, True), done.stderr


def test_the_log_before_the_engine_started_it_again(project: Project, engine: Engine, name: str) -> None:
    deploy(project, name)
    handle = project.handle(APP)
    wait_until("a log", lambda: "ready" in "".join(handle.logs()))
    before = list(handle.logs())
    engine.api.restart(record(project)["id"])
    wait_until("a start", lambda: handle.status().phase == "running")
    previous = list(handle.logs(previous=True))
    everything = list(handle.logs())
    assert (previous[: len(before)], everything[: len(previous)]) == (before, previous)
    assert "listening" in everything[len(previous)]


def test_a_restart_and_a_refused_release_hand_their_log_over(project: Project, engine: Engine, name: str) -> None:
    deploy(project, name)
    handle = project.handle(APP)
    first, *_ = handle.logs()
    assert project.mlem("deployment", "restart", APP).returncode == 0
    previous = list(handle.logs(previous=True))
    assert (previous[0], "SIGTERM" in "".join(previous)) == (first, True), "its last words, too"
    refused = project.run("docker", APP, "wrong", ["--container_name", name])
    assert refused.returncode == 8
    (before, *_), (now, *_) = handle.logs(previous=True), handle.logs()
    assert len({first, before, now}) == 3
    output = io.BytesIO()
    assert handle.exec(["sh", "-c", "cat /.mlem-previous.log || id -u"], stdout=output, stderr=io.BytesIO()) == 0
    assert output.getvalue().strip().isdigit(), "the server can't read it"


def test_a_root_that_is_read_only_takes_no_log(project: Project, engine: Engine, name: str) -> None:
    deploy(project, name, "double", "--read_only")
    deploy(project, name, "triple", "--read_only")
    done = project.mlem("deployment", "logs", APP, "--previous")
    assert (done.returncode, "error[no-previous-log]" in done.stderr) == (3, True), done.stderr
