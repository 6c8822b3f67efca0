"""The example provider passes the conformance kit, as a stranger's would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import psutil
import pytest
import yaml
from mlem_provider_folder.deployment import FolderEnv, FolderProcess, processes

from mlem import Context, State
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


@pytest.mark.parametrize(("tail", "lines"), [(None, ["a", "b", "c"]), (2, ["b", "c"]), (0, []), (5, ["a", "b", "c"])])
def test_the_last_lines_of_a_log_are_shown(tmp_path: Path, tail: int | None, lines: list[str]) -> None:
    (tmp_path / "log").write_text("a\nb\nc\n")
    state = State(type="folder_process").with_record("server", {"folder": str(tmp_path)})
    context = Context("app", state.lineage, FolderProcess(), FolderEnv(path=tmp_path))
    assert [*FolderProcess().logs(context, state, follow=False, tail=tail)] == lines


def test_a_relative_path_and_a_file_of_the_users_name_mean_the_same_from_every_folder(tmp_path: Path) -> None:
    numbers = Project.make(tmp_path / "numbers")
    numbers.save("double", 2.0)
    declared = {"model": "double", "env": {"object_type": "env", "type": "folder", "path": "platform"}}
    (numbers.folder / "app.mlem").write_text(
        yaml.safe_dump({**declared, "object_type": "deployment", "type": "folder_process"})
    )
    elsewhere = Project(tmp_path / "elsewhere", numbers.environment)
    elsewhere.folder.mkdir()
    (elsewhere.folder / "random.py").write_text("raise RuntimeError('a file of the user')\n")
    app = str(numbers.folder / "app")
    done = elsewhere.python("-P", "-m", "mlem.cli", "deployment", "run", "--load", app)
    assert done.returncode == 0, done.stderr
    assert [*(numbers.folder / "platform").iterdir()] != []
    assert numbers.mlem("deployment", "remove", "app").returncode == 0
    assert [path for folder in (numbers, elsewhere) for path in folder.folder.glob("platform/*")] == []


class FolderFixtures(DeploymentFixtures):
    type = "folder_process"
    lacks: ClassVar[Mapping[str, str]] = {
        "changed_fields": "it has no field whose change can be seen",
        "passing": "a server has the variables of the command that starts it",
        "foreign": "what it makes is named by the lineage alone",
        "copies": "a copy of the process is one of its own",
        "elsewhere": "it has no place: a folder is where it is",
        "broken": "a folder has no API that could fail",
        "wrong_credentials": "a folder asks for none",
    }

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        self.path = tmp_path / "platform"
        return {}

    def fields(self) -> Mapping[str, Any]:
        return {"env.path": self.path}

    def running(self, lineage: str) -> list[str]:
        return [str(process.pid) for process in processes(lineage)]

    def leftovers(self, lineage: str) -> list[str]:
        return [*self.running(lineage), *map(str, self.path.rglob(lineage))]

    def kill(self, handle: DeploymentHandle) -> None:
        state = handle.state()
        assert state is not None
        process = psutil.Process(state.records["server"]["pid"])
        process.kill()
        process.wait(10)


class TestLifeCycle(FolderFixtures, LifeCycleSuite):
    pass


class TestOperation(FolderFixtures, OperationSuite):
    pass


class TestEveryDay(FolderFixtures, EveryDaySuite):
    pass


class TestDeclaration(FolderFixtures, DeclarationSuite):
    pass


class TestNeighbours(FolderFixtures, NeighbourSuite):
    pass


class TestFailures(FolderFixtures, FailureSuite):
    pass


class TestLogs(FolderFixtures, LogSuite):
    pass


class TestPackaging(PackagingSuite):
    distribution = "mlem-provider-folder"


class TestCrashSafety(FolderFixtures, CrashSafetySuite):
    pass
