"""The local provider passes the conformance kit."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from mlem.handle import DeploymentHandle
from mlem.testing import CrashSafetySuite, LifeCycleSuite
from mlem.testing.life_cycle import DeploymentFixtures
from mlem_provider_local.process import find


class LocalFixtures(DeploymentFixtures):
    type = "local_process"

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        self.state_home = tmp_path / "state"
        return {"XDG_STATE_HOME": str(self.state_home)}

    def changed_fields(self) -> Mapping[str, Any]:
        return {"host": "127.0.0.2"}

    def running(self, lineage: str) -> list[str]:
        return [str(server.pid) for server in find(lineage)]

    def leftovers(self, lineage: str) -> list[str]:
        return [*self.running(lineage), *map(str, self.state_home.rglob(lineage))]

    def kill(self, handle: DeploymentHandle) -> None:
        state = handle.state()
        assert state is not None
        process = psutil.Process(state.records["process"]["pid"])
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)


class TestLifeCycle(LocalFixtures, LifeCycleSuite):
    pass


class TestCrashSafety(LocalFixtures, CrashSafetySuite):
    pass
