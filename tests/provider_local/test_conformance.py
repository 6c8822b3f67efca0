"""The local provider passes the conformance kit."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import psutil
import pytest

from mlem.testing import (
    CrashSafetySuite,
    DeclarationSuite,
    DeploymentFixtures,
    DeploymentHandle,
    EveryDaySuite,
    FailureSuite,
    LifeCycleSuite,
    LogSuite,
    NeighbourSuite,
    OperationSuite,
    PackagingSuite,
    Project,
)
from mlem_provider_local.process import find


class LocalFixtures(DeploymentFixtures):
    type = "local_process"
    lacks: ClassVar[Mapping[str, str]] = {
        "passing": "a server has the variables of the command that starts it",
        "foreign": "a process has no name that somebody else could have",
        "broken": "this machine has no API that could fail",
        "wrong_credentials": "this machine asks for none",
    }

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        self.state_home = tmp_path / "state"
        return {"XDG_STATE_HOME": str(self.state_home)}

    def changed_fields(self) -> Mapping[str, Any]:
        return {"host": "127.0.0.2"}

    def running(self, lineage: str) -> list[str]:
        return [str(server.pid) for server in find(lineage)]

    def leftovers(self, lineage: str) -> list[str]:
        folders = [*self.state_home.rglob(lineage)]
        models = [path for folder in folders for path in folder.rglob("*") if path.is_dir()]
        return [*self.running(lineage), *map(str, folders + models)]

    @contextmanager
    def copies(self, handle: DeploymentHandle) -> Iterator[Callable[[], Sequence[str]]]:
        state = handle.state()
        assert state is not None
        arguments = psutil.Process(state.records["process"]["pid"]).cmdline()
        arguments[arguments.index("--fd") : arguments.index("--fd") + 2] = ["--port", "0"]
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            yield lambda: [str(process.pid)] if process.poll() is None else []
            process.kill()

    def elsewhere(self, project: Project) -> Project:
        # another process namespace under another name is another computer, as far as processes can tell
        command = (
            "unshare",
            "--uts",
            "--pid",
            "--fork",
            "--mount-proc",
            "sh",
            "-c",
            'hostname elsewhere && exec "$@"',
            "sh",
        )
        if os.geteuid() or shutil.which("unshare") is None:
            self.lacking("another process namespace takes root and unshare")
        return replace(project, prefix=command)

    @pytest.fixture(autouse=True)
    def _lacking(self, lacking: Callable[[str], NoReturn]) -> None:
        self.lacking = lacking

    def kill(self, handle: DeploymentHandle) -> None:
        state = handle.state()
        assert state is not None
        process = psutil.Process(state.records["process"]["pid"])
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)


class TestLifeCycle(LocalFixtures, LifeCycleSuite):
    pass


class TestOperation(LocalFixtures, OperationSuite):
    pass


class TestEveryDay(LocalFixtures, EveryDaySuite):
    pass


class TestDeclaration(LocalFixtures, DeclarationSuite):
    pass


class TestNeighbours(LocalFixtures, NeighbourSuite):
    pass


class TestFailures(LocalFixtures, FailureSuite):
    pass


class TestLogs(LocalFixtures, LogSuite):
    pass


class TestPackaging(PackagingSuite):
    distribution = "mlem-provider-local"
    sdk = ("psutil", "mlem_server")


class TestCrashSafety(LocalFixtures, CrashSafetySuite):
    pass
