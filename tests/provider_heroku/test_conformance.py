"""The Heroku provider passes the conformance kit, on the simulator with a real Engine and a real registry."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlem.testing import (
    CrashSafetySuite,
    DeploymentFixtures,
    DeploymentHandle,
    EveryDaySuite,
    LifeCycleSuite,
    OperationSuite,
)
from mlem_heroku_simulator import HerokuSimulator
from mlem_image import LINEAGE_LABEL
from mlem_provider_docker import Engine


class HerokuFixtures(DeploymentFixtures):
    type = "heroku"

    @pytest.fixture(autouse=True)
    def _parts(self, heroku: HerokuSimulator, engine: Engine) -> None:
        self.heroku, self.engine = heroku, engine

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        self.app_name = f"k{secrets.token_hex(6)}"
        return {}

    def fields(self) -> Mapping[str, Any]:
        return {"app_name": self.app_name, **{f"env.{key}": value for key, value in self.heroku.fields().items()}}

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


class TestCrashSafety(HerokuFixtures, CrashSafetySuite):
    pass
