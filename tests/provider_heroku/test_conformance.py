"""The Heroku provider passes the conformance kit, on the simulator with a real Engine and a real registry."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
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
)
from mlem_heroku_simulator import HerokuSimulator
from mlem_image import LINEAGE_LABEL
from mlem_provider_docker import Engine


class HerokuFixtures(DeploymentFixtures):
    type = "heroku"
    lacks: ClassVar[Mapping[str, str]] = {
        "elsewhere": "the whole world reaches one Heroku",
        "copies": "Heroku copies no app with its config vars",
        "slow": "the simulator answers at once, or not at all",
    }

    @pytest.fixture(autouse=True)
    def _parts(self, heroku: HerokuSimulator, engine: Engine) -> None:
        self.heroku, self.engine = heroku, engine

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        self.app_name = f"k{secrets.token_hex(6)}"
        return {}

    def fields(self) -> Mapping[str, Any]:
        return {
            "app_name": self.app_name,
            "env.timeout_s": 5,
            **{f"env.{key}": value for key, value in self.heroku.fields().items()},
        }

    def unnamed_fields(self) -> Mapping[str, Any]:
        return {key: value for key, value in self.fields().items() if key != "app_name"}

    @contextmanager
    def foreign(self, project: Project) -> Iterator[Callable[[], Sequence[str]]]:
        app = self.heroku.platform.create(self.app_name, "us", None)
        yield lambda: [f"{app.name} {app.config_vars}"] if app in self.heroku.platform.apps.values() else []
        self.heroku.platform.delete(app)

    @contextmanager
    def broken(self, kind: BrokenKind) -> Iterator[None]:
        self.heroku.api.faults.plan(dict.fromkeys(range(1, 1000), "503" if kind == "error" else "timeout"))
        yield
        self.heroku.api.faults.plan({})

    def wrong_credentials(self) -> Mapping[str, str]:
        self.heroku.api.faults.plan(dict.fromkeys(range(1, 10), "401"))  # the simulator knows no wrong keys
        return {"HEROKU_API_KEY": "canary-wrong-7d20c4"}

    def passing(self, variable: str) -> Mapping[str, Any]:
        return {"pass_environment": variable}

    def changed_fields(self) -> Mapping[str, Any]:
        return {**self.fields(), "environment.GREETING": "hello"}

    def running(self, lineage: str) -> list[str]:
        return [dyno.id for app in self.heroku.apps_of(lineage) for dyno in app.dynos if dyno.state == "up"]

    def leftovers(self, lineage: str) -> list[str]:
        images = [found["Id"] for found in self.engine.images(f"{LINEAGE_LABEL}={lineage}")]
        return [app.name for app in self.heroku.apps_of(lineage)] + images

    def kill(self, handle: DeploymentHandle) -> None:
        [dyno] = self.heroku.app(self.app_name).dynos
        assert dyno.container is not None
        self.engine.remove_container(dyno.container)
        assert dyno.wait_until("crashed", 30)


class TestLifeCycle(HerokuFixtures, LifeCycleSuite):
    pass


class TestOperation(HerokuFixtures, OperationSuite):
    pass


class TestEveryDay(HerokuFixtures, EveryDaySuite):
    pass


class TestDeclaration(HerokuFixtures, DeclarationSuite):
    pass


class TestNeighbours(HerokuFixtures, NeighbourSuite):
    pass


class TestFailures(HerokuFixtures, FailureSuite):
    pass


class TestLogs(HerokuFixtures, LogSuite):
    pass


class TestPackaging(PackagingSuite):
    distribution = "mlem-provider-heroku"
    sdk = ("docker", "httpx", "requests")


class TestCrashSafety(HerokuFixtures, CrashSafetySuite):
    pass
