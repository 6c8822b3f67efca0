"""`EveryDaySuite`: what is done every day with what runs: look at it, read its log, run a command, let it expire."""

from __future__ import annotations

import fcntl
import io
import json
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from typing import Any

import pytest

from mlem.deployments.deployment import Phase
from mlem.deployments.handle import DeploymentHandle
from mlem.testing.fixtures import NAME, DeploymentFixtures, lineage_of
from mlem.testing.projects import SAMPLE, Project
from mlem_model.errors import MlemError, NotFoundError, UserError

_LIMIT_S = 120.0


class EveryDaySuite(DeploymentFixtures):
    """What is done every day: each platform does what it declares, and says what it can't.

    Example::

        class TestEveryDay(MyFixtures, EveryDaySuite):
            pass
    """

    def deploy(self, project: Project, model: str = "double", **more: Any) -> DeploymentHandle:
        """Deploy a model and return its handle."""
        done = project.run(self.type, NAME, model, {**self.fields(), **more})
        assert done.returncode == 0, done.stderr
        return project.handle(NAME)

    def test_a_day_with_a_deployment(self, project: Project) -> None:
        """Each command has its exit code, and does on this platform what it does on all.

        When it fails: run the command that the message shows by hand, with ``--traceback``.
        """
        handle = self.deploy(project)
        able = handle.deployment.capabilities

        def mlem(*words: str, code: int = 0) -> str:
            done = project.mlem("deployment", *words)
            assert (done.returncode, "Traceback" in done.stderr) == (code, False), (words, done.stderr)
            return done.stdout

        assert mlem("status", NAME, "--check").splitlines()[0] == "running"
        assert mlem("wait", NAME, "--timeout", "60") == "running\n"
        assert NAME in mlem("list", "--check")
        mlem("restart", NAME, code=0 if "restart" in able else UserError.exit_code)
        if "logs" in able:
            wait_until(lambda: mlem("logs", NAME) != "")
            everything = mlem("logs", NAME).splitlines()
            assert mlem("logs", NAME, "--since", "1h", "--tail", "1") == f"{everything[-1]}\n"
            assert mlem("logs", NAME, "--since", "2999-01-01") == ""
        self.deploy(project, "triple")
        if "rollback" in able:
            mlem("rollback", NAME)
        served = 3 if "rollback" in able else 2
        assert next(release["number"] for release in project.json("deployment", "releases", NAME)) == served
        done = [event["what"] for event in project.json("deployment", "audit", NAME) if event["outcome"] == "done"]
        words = [("rollback", "rollback"), ("run", ""), ("restart", "restart"), ("run", "")]
        assert done == [what for what, needs in words if not needs or needs in able]
        assert json.loads(mlem("receipt", NAME))["release"] == served
        assert project.json("deployment", "status", NAME)["url"] == handle.address()
        mlem("gc", "--dry-run")
        mlem("remove", NAME)
        assert mlem("status", NAME) == "not_deployed\n"

    def test_what_ran_before_has_a_log(self, project: Project) -> None:
        """What was written before the last start is kept, and told from what is written now.

        When it fails: write `Deployment.previous_logs` and declare ``previous-logs``; or do neither.
        """
        handle = self.deploy(project)
        if not _can(project, handle, "previous-logs", lambda: list(handle.logs(previous=True)), "logs --previous"):
            return
        with pytest.raises(NotFoundError) as caught:
            list(handle.logs(previous=True))
        assert caught.value.code == "no-previous-log"
        wait_until(lambda: bool(list(handle.logs())))
        before = list(handle.logs())
        handle = self.deploy(project, "triple")
        previous = list(handle.logs(previous=True))
        assert set(previous) & set(before), (previous, before)
        wait_until(lambda: list(handle.logs(tail=1)) not in ([], before[-1:]))
        assert not set(previous) & set(handle.logs(tail=1))
        words = ("logs", NAME, "--previous", "--tail", "1", "--since", "1h")
        assert project.mlem("deployment", *words).stdout == f"{previous[-1]}\n"
        refused = project.mlem("deployment", "logs", NAME, "--previous", "--follow")
        assert (refused.returncode, "error[previous-log-ended]" in refused.stderr) == (2, True), refused.stderr

    def test_a_command_runs_where_the_model_is_served(self, project: Project) -> None:
        """Words arrive as they are, streams are bytes, the exit code is the command's.

        When it fails: pass the words as a list, never through a shell; close standard input when it ends; give 128 and
        the signal's number.
        """
        handle = self.deploy(project)
        if not _can(project, handle, "exec", lambda: handle.exec(["true"]), "exec"):
            return
        program = 'cat; echo "$0"; echo "$1" >&2; exit 7'
        done = project.mlem("deployment", "exec", NAME, "--", "sh", "-c", program, "a b", "$HOME", stdin="given\n")
        assert (done.returncode, done.stdout, done.stderr) == (7, "given\na b\n", "$HOME\n")
        output, errors = io.BytesIO(), io.BytesIO()
        words, given = ["sh", "-c", "wc -c; echo no >&2"], io.BytesIO(b"x" * 300_000)
        assert handle.exec(words, stdin=given, stdout=output, stderr=errors) == 0
        assert (output.getvalue().strip(), errors.getvalue()) == (b"300000", b"no\n")
        assert handle.exec(["sh", "-c", "cat"], stdout=output) == 0, "without stdin nothing is waited for"
        assert handle.exec(["sh", "-c", "kill -9 $$"]) == 128 + signal.SIGKILL
        with pytest.raises(NotFoundError) as caught:
            handle.exec(["no-such-command-of-the-kit"], stdout=output, stderr=errors)
        assert caught.value.code == "no-such-command"
        for wrong in ("ls", [], ["ls", "\0"], [b"ls"]):
            with pytest.raises(UserError):
                handle.exec(wrong)  # type: ignore[arg-type]  # what a caller may give

    def test_a_shell_has_the_terminal(self, project: Project) -> None:
        """Size, keys and signals of the terminal arrive at the shell.

        When it fails: ask `Streams` for the terminal's size, and hand on bytes as they come.
        """
        handle = self.deploy(project)
        if "exec" not in handle.deployment.capabilities:
            return
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
        command = [sys.executable, "-m", "mlem.cli", "deployment", "shell", NAME]
        said = bytearray()

        def says(words: bytes) -> bool:
            """Read what is there, and look whether words have come: typed ones come back, too."""
            if select.select([ours], [], [], 0)[0]:
                said.extend(os.read(ours, 65536))
            return words in said

        try:
            with subprocess.Popen(  # noqa: S603  # the arguments are the test's own
                command,
                cwd=project.folder,
                env={**project.variables, "PS1": "$ "},
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
                preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
            ) as running:
                try:
                    os.write(ours, b"echo size $(stty size)\n")
                    wait_until(lambda: says(b"size 33 99"))
                    os.write(ours, b"echo be''gun; sleep 1000\n")
                    wait_until(lambda: says(b"begun"))
                    os.write(ours, b"\x03")
                    os.write(ours, b"echo en''ded; exit 9\n")
                    wait_until(lambda: says(b"ended"))
                    assert running.wait(60) == 9
                finally:
                    running.kill()
        finally:
            os.close(ours)
            os.close(theirs)

    def test_an_interrupted_command_is_not_left_behind(self, project: Project) -> None:
        """Ctrl-C ends what was started there, also what ignores it.

        When it fails: interrupt the command in `Deployment.exec` when it is left by an error, then kill it.
        """
        handle = self.deploy(project)
        if "exec" not in handle.deployment.capabilities:
            return
        for words in (["sh", "-c", "echo $$; exec sleep 1000"], ["sh", "-c", "trap '' INT; echo $$; exec sleep 1000"]):
            command = [sys.executable, "-m", "mlem.cli", "deployment", "exec", NAME, "--no-stdin", "--", *words]
            with subprocess.Popen(  # noqa: S603  # the arguments are the test's own
                command, cwd=project.folder, env=project.variables, stdout=subprocess.PIPE, text=True
            ) as running:
                try:
                    assert running.stdout is not None
                    inside = ["sh", "-c", f"kill -0 {int(running.stdout.readline())}"]
                    assert handle.exec(inside) == 0
                    os.kill(running.pid, signal.SIGINT)
                    assert running.wait(60) == 130
                finally:
                    running.kill()
            assert handle.exec(inside, stderr=io.BytesIO()) != 0

    def test_in_maintenance_callers_get_no_answers(self, project: Project) -> None:
        """Callers get a page, ``status`` says so, and a run ends it.

        When it fails: write `Deployment.maintenance` and declare ``maintenance``; or do neither.
        """
        handle = self.deploy(project)
        if not _can(project, handle, "maintenance", lambda: handle.maintenance(), "maintenance"):
            return
        assert project.mlem("deployment", "maintenance", NAME).stdout == "off\n"
        assert project.mlem("deployment", "maintenance", NAME, "on").stdout == "on\n"
        assert (handle.maintenance(), handle.maintenance(on=True)) == (True, True)
        status = handle.status()
        assert (status.phase, "maintenance" in status.reason) == (Phase.STOPPED, True)
        with pytest.raises(MlemError), handle.get_client() as client:
            client.predict(SAMPLE)
        assert project.mlem("deployment", "maintenance", NAME, "off").stdout == "off\n"
        handle.wait(timeout_s=60)
        with handle.get_client() as client:
            assert client.predict(SAMPLE) == [2.0, 4.0, 6.0]
        assert [event.words for event in handle.history() if event.what == "maintenance"] == ["on", "on", "off"]
        handle.maintenance(on=True)
        assert handle.run().changed is True, "a run lets callers through: else it could not pass the gate"
        assert handle.maintenance() is False

    def test_what_has_expired_is_removed_and_stops_by_itself_where_it_can(self, project: Project) -> None:
        """``ttl`` ends what serves; ``gc`` takes away the rest.

        When it fails: write `Deployment.expire` and declare ``ttl``; or do neither: ``gc`` works without.
        """
        handle = self.deploy(project, ttl="1s")
        if "ttl" in handle.deployment.capabilities:
            assert "expired" in handle.wait("stopped", timeout_s=60).reason
            assert self.running(lineage_of(handle)) == []
            self.deploy(project, ttl="2h")
            assert handle.status().phase is Phase.RUNNING
            self.deploy(project, ttl="1s")  # the same release, another time
            assert "expired" in handle.wait("stopped", timeout_s=60).reason
        lineage = lineage_of(handle)
        wait_until(lambda: "expired" in project.mlem("deployment", "gc", "--dry-run").stdout)
        done = project.mlem("deployment", "gc")
        assert (done.returncode, self.leftovers(lineage), handle.status().phase) == (0, [], Phase.NOT_DEPLOYED)


def _can(project: Project, handle: DeploymentHandle, capability: str, call: Callable[[], object], command: str) -> bool:
    """Say whether a type declares a capability; check how it is refused where not."""
    if capability in handle.deployment.capabilities:
        return True
    with pytest.raises(UserError) as caught:
        call()
    assert caught.value.code == f"no-{capability}"
    first, *options = command.split()
    words = ["--", "true"] if first == "exec" else options
    done = project.mlem("deployment", first, NAME, *words)
    assert (done.returncode, f"error[no-{capability}]" in done.stderr) == (UserError.exit_code, True), done.stderr
    return False


def wait_until(happened: Callable[[], bool]) -> None:
    """Wait until something has happened, and fail where it does not."""
    deadline = time.monotonic() + _LIMIT_S
    while not happened():
        assert time.monotonic() < deadline, f"it did not happen within {_LIMIT_S:g} s"
        time.sleep(0.1)
