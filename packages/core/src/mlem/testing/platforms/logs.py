"""`LogSuite`: the log of what serves, in all its forms."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from mlem.testing.every_day import wait_until
from mlem.testing.fixtures import NAME, DeploymentFixtures
from mlem.testing.projects import Project
from mlem_model.errors import NotFoundError, UserError

_A_WHILE_S = 2.0
"""How long it is watched that a follower does not end."""


class LogSuite(DeploymentFixtures):
    """Followed, ended, cut, refused.

    Example::

        class TestLogs(MyFixtures, LogSuite):
            pass
    """

    patience_s: ClassVar[float] = 60.0
    """How long a follower may take to end."""

    def test_a_log_is_followed_until_its_end(self, project: Project) -> None:
        """A follower shows what is there, goes on while the deployment does, and ends with it or at Ctrl-C.

        When it fails: with ``follow``, look for new lines until the resource is gone, and leave the loop then; sleep in
        short pauses between looks, so that an interrupt arrives.
        """
        done = project.run(self.type, NAME, "double", self.fields())
        assert done.returncode == 0, done.stderr
        handle = project.handle(NAME)
        if "logs" not in handle.deployment.capabilities:
            refused = project.mlem("deployment", "logs", NAME)
            assert (refused.returncode, "Traceback" in refused.stderr) == (UserError.exit_code, False), refused.stderr
            return
        wait_until(lambda: bool(list(handle.logs(tail=1))))
        with _follower(project) as (interrupted, first), _follower(project) as (ended, second):
            assert first.get(timeout=self.patience_s) is not None, "following ended before a line"
            assert second.get(timeout=self.patience_s) is not None, "following ended before a line"
            assert _code(interrupted, _A_WHILE_S) is None, "following ends while the deployment serves"
            os.kill(interrupted.pid, signal.SIGINT)
            assert interrupted.wait(self.patience_s) == 130, "Ctrl-C does not end it"
            assert ended.poll() is None, "following ends while the deployment serves"
            assert handle.remove() is True
            assert _code(ended, self.patience_s) in (0, NotFoundError.exit_code), "following goes on after the end"
        gone = project.mlem("deployment", "logs", NAME)
        assert (gone.returncode, "Traceback" in gone.stderr) == (NotFoundError.exit_code, False), gone.stderr


def _code(process: subprocess.Popen[str], patience_s: float) -> int | None:
    try:
        return process.wait(patience_s)
    except subprocess.TimeoutExpired:
        return None


@contextmanager
def _follower(project: Project) -> Iterator[tuple[subprocess.Popen[str], queue.Queue[str | None]]]:
    """Follow the log; yield the process and its lines, of which None is the last."""
    command = [sys.executable, "-m", "mlem.cli", "deployment", "logs", NAME, "--follow"]
    lines: queue.Queue[str | None] = queue.Queue()
    with subprocess.Popen(  # noqa: S603  # the arguments are the test's own
        [*project.prefix, *command],
        cwd=project.folder,
        env=project.variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        out = process.stdout
        assert out is not None

        def read() -> None:
            for line in out:
                lines.put(line)
            lines.put(None)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            yield process, lines
        finally:
            process.kill()
            reader.join()
