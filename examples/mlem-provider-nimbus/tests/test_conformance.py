"""What every provider does: mlem's conformance kit. Each test says what to do where it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest
from fake_nimbus import TOKEN, Api
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


class NimbusFixtures(DeploymentFixtures):
    """What the suites need to know of Nimbus."""

    type = "nimbus_service"
    lacks: ClassVar[Mapping[str, str]] = {
        "copies": "nothing inherits the label of a service",
        "elsewhere": "there is one Nimbus for all",
    }

    @pytest.fixture(autouse=True)
    def platform(self, nimbus: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        self.api = nimbus
        monkeypatch.setenv("NIMBUS_TOKEN", TOKEN)

    def secrets(self, project: Project) -> Mapping[str, str]:
        return {"MLEM_TOKEN": "canary-of-callers-77aa", "NIMBUS_TOKEN": TOKEN}

    def fields(self) -> Mapping[str, Any]:
        return {"env.url": self.api.url, "env.timeout_s": 3}

    def changed_fields(self) -> Mapping[str, Any]:
        return {**self.fields(), "size": 2}

    def passing(self, variable: str) -> Mapping[str, Any]:
        return {"pass_environment": variable}

    def wrong_credentials(self) -> Mapping[str, str]:
        return {"NIMBUS_TOKEN": "canary-wrong-19bd"}

    @contextmanager
    def foreign(self, project: Project) -> Iterator[Callable[[], Sequence[str]]]:
        platform = self.api.platform
        platform.bundles["theirs"] = "somebody-else"
        (platform.folder / "theirs").mkdir()
        platform.put("app", {"label": "somebody-else", "bundle": "theirs", "size": 1, "variables": {}})
        described = ("label", "bundle", "size", "variables")
        yield lambda: [
            f"{name} {[getattr(one, word) for word in described]}" for name, one in platform.services.items()
        ]
        platform.delete("app")
        platform.delete_bundle("theirs")

    @contextmanager
    def broken(self, kind: str) -> Iterator[None]:
        self.api.broken = kind
        self.api.mended.clear()
        yield
        self.api.mended.set()
        self.api.broken = None

    def running(self, lineage: str) -> list[str]:
        services = self.api.platform.services
        return [name for name, service in services.items() if service.label == lineage and service.running]

    def leftovers(self, lineage: str) -> list[str]:
        platform = self.api.platform
        services = [name for name, service in platform.services.items() if service.label == lineage]
        return [*services, *(id_ for id_, label in platform.bundles.items() if label == lineage)]

    def kill(self, handle: DeploymentHandle) -> None:
        state = handle.state()
        assert state is not None
        process = self.api.platform.services[state.records["service"]["name"]].process
        assert process is not None
        process.kill()
        process.wait(10)


class TestLifeCycle(NimbusFixtures, LifeCycleSuite):
    pass


class TestOperation(NimbusFixtures, OperationSuite):
    pass


class TestEveryDay(NimbusFixtures, EveryDaySuite):
    pass


class TestDeclaration(NimbusFixtures, DeclarationSuite):
    pass


class TestNeighbours(NimbusFixtures, NeighbourSuite):
    pass


class TestFailures(NimbusFixtures, FailureSuite):
    pass


class TestLogs(NimbusFixtures, LogSuite):
    pass


class TestCrashSafety(NimbusFixtures, CrashSafetySuite):
    pass


class TestPackaging(PackagingSuite):
    distribution = "mlem-provider-nimbus"
    sdk = ("urllib3",)
