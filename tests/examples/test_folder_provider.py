"""The example provider passes the conformance kit, as a stranger's would."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from mlem_provider_folder.deployment import processes

from mlem.testing import CrashSafetySuite, DeploymentFixtures, DeploymentHandle, LifeCycleSuite, OperationSuite


class FolderFixtures(DeploymentFixtures):
    type = "folder_process"

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


class TestCrashSafety(FolderFixtures, CrashSafetySuite):
    pass
