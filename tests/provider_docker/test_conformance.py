"""The Docker provider passes the conformance kit, on a real Engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlem.handle import DeploymentHandle
from mlem.testing import CrashSafetySuite, LifeCycleSuite, Project
from mlem.testing.life_cycle import DeploymentFixtures
from mlem_provider_docker.sdk import LINEAGE_LABEL, Engine


@pytest.mark.usefixtures("warm")
class DockerFixtures(DeploymentFixtures):
    type = "docker_container"

    @pytest.fixture(autouse=True)
    def _engine(self, engine: Engine, request: pytest.FixtureRequest) -> None:
        self.engine, self.request = engine, request

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        self.container_name = f"mlem-kit-{os.getpid()}-{tmp_path.name}"[:60]
        return {}

    def fields(self) -> Mapping[str, Any]:
        return {"container_name": self.container_name}

    def changed_fields(self) -> Mapping[str, Any]:
        return {**self.fields(), "memory_mib": 256}

    def running(self, lineage: str) -> list[str]:
        return [found["Id"] for found in self.engine.containers(lineage) if found["State"] == "running"]

    def leftovers(self, lineage: str) -> list[str]:
        images = [found["Id"] for found in self.engine.images(f"{LINEAGE_LABEL}={lineage}")]
        return [found["Id"] for found in self.engine.containers(lineage)] + images

    def elsewhere(self, project: Project) -> Project | None:
        return replace(project, environment={**project.environment, "DOCKER_HOST": self.request.getfixturevalue("other_engine")})

    def kill(self, handle: DeploymentHandle) -> None:
        state = handle.state()
        assert state is not None
        id_ = state.records["container"]["id"]
        self.engine._api.kill(id_)
        self.engine._api.wait(id_, timeout=30)


class TestLifeCycle(DockerFixtures, LifeCycleSuite):
    pass


class TestCrashSafety(DockerFixtures, CrashSafetySuite):
    pass
