"""The Docker provider passes the conformance kit, on a real Engine."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlem.testing import (
    BrokenKind,
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
    breaking,
)
from mlem_provider_docker import EngineAddress
from mlem_provider_docker.api.sdk import Engine
from mlem_provider_docker.images.image import made_for


@pytest.mark.usefixtures("warm")
class DockerFixtures(DeploymentFixtures):
    type = "docker_container"
    lacks: ClassVar[Mapping[str, str]] = {
        "silent": "the Engine gets a minute for each answer, since it does long work in one",
        "wrong_credentials": "an Engine asks for none",
    }

    @pytest.fixture(autouse=True)
    def _engine(self, engine: Engine, request: pytest.FixtureRequest) -> None:
        self.engine, self.request = engine, request

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        self.container_name = f"mlem-kit-{os.getpid()}-{tmp_path.name}"[:60]
        return {}

    def fields(self) -> Mapping[str, Any]:
        return {"container_name": self.container_name}

    def unnamed_fields(self) -> Mapping[str, Any]:
        return {}

    @contextmanager
    def foreign(self, project: Project) -> Iterator[Callable[[], Sequence[str]]]:
        id_ = self.engine.create("python:3.11-slim", self.container_name, {"command": ["sleep", "600"]})
        self.engine.start(id_, self.container_name)

        def described() -> Sequence[str]:
            found = self.engine.container(id_)
            return [found["Name"], found["State"]["StartedAt"], str(found["State"]["Running"])] if found else []

        try:
            yield described
        finally:
            self.engine.remove_container(id_)

    @contextmanager
    def broken(self, kind: BrokenKind) -> Iterator[None]:
        host = EngineAddress().endpoint().host
        with breaking(kind, host.removeprefix("unix://")) as address, pytest.MonkeyPatch.context() as patch:
            patch.setenv("DOCKER_HOST", f"tcp://{address}")
            yield

    def passing(self, variable: str) -> Mapping[str, Any]:
        return {"pass_environment": variable}

    def changed_fields(self) -> Mapping[str, Any]:
        return {**self.fields(), "memory_mib": 256}

    def running(self, lineage: str) -> list[str]:
        return [found["Id"] for found in self.engine.containers(lineage) if found["State"] == "running"]

    def leftovers(self, lineage: str) -> list[str]:
        images = [found["Id"] for found, _ in made_for(self.engine, lineage)]
        return [found["Id"] for found in self.engine.containers(lineage)] + images

    @contextmanager
    def copies(self, handle: DeploymentHandle) -> Iterator[Callable[[], Sequence[str]]]:
        state = handle.state()
        assert state is not None
        ours, name = state.records["container"], f"{self.container_name}-copy"
        sleep = ["--entrypoint", "sleep"]
        commands = [
            ["run", "-d", "--name", f"{name}-1", *sleep, ours["image"], "3600"],
            ["commit", f"{name}-1", f"{name}:first"],
            ["commit", f"{name}-1"],
            ["commit", ours["id"], f"{name}:second"],
            ["tag", ours["image"], f"{name}:third"],
            ["run", "-d", "--name", f"{name}-2", *sleep, f"{name}:second", "3600"],
        ]
        made = [
            subprocess.run(["docker", *command], check=True, capture_output=True, text=True).stdout.strip()
            for command in commands
        ]
        images = [*(f"{name}:{tag}" for tag in ("first", "second", "third")), made[2]]
        try:
            yield (
                lambda: (
                    [there for there in (made[0], made[5]) if self.engine.container(there)]
                    + [image for image in images if self.engine.image(image)]
                )
            )
        finally:
            subprocess.run(["docker", "rm", "-f", made[0], made[5]], check=True, capture_output=True)
            subprocess.run(["docker", "rmi", *images], check=True, capture_output=True)

    def elsewhere(self, project: Project) -> Project:
        return replace(
            project, environment={**project.environment, "DOCKER_HOST": self.request.getfixturevalue("other_engine")}
        )

    def kill(self, handle: DeploymentHandle) -> None:
        state = handle.state()
        assert state is not None
        id_ = state.records["container"]["id"]
        self.engine.api.kill(id_)
        self.engine.api.wait(id_, timeout=30)


class TestLifeCycle(DockerFixtures, LifeCycleSuite):
    pass


class TestOperation(DockerFixtures, OperationSuite):
    pass


class TestEveryDay(DockerFixtures, EveryDaySuite):
    pass


class TestDeclaration(DockerFixtures, DeclarationSuite):
    pass


class TestNeighbours(DockerFixtures, NeighbourSuite):
    pass


class TestFailures(DockerFixtures, FailureSuite):
    pass


class TestLogs(DockerFixtures, LogSuite):
    pass


class TestPackaging(PackagingSuite):
    distribution = "mlem-provider-docker"
    sdk = ("docker", "requests")


class TestCrashSafety(DockerFixtures, CrashSafetySuite):
    pass
