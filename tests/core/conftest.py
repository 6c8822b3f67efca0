"""What the core's tests share: a project whose deployments live on a platform in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlem.hookspecs import hookimpl
from mlem.plugins import Plugin, Registry, installed_plugins
from mlem.testing import Project
from mlem.testing.fake import FakeDeployment, FakeEnv, FakePlatform, reset


class FakeProvider:
    """A plugin with the fake types."""

    @hookimpl
    def mlem_envs(self) -> list[type[FakeEnv]]:
        return [FakeEnv]

    @hookimpl
    def mlem_deployments(self) -> list[type[FakeDeployment]]:
        return [FakeDeployment]


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> FakePlatform:
    core = [plugin for plugin in installed_plugins() if plugin.name == "core"]
    registry = Registry([*core, Plugin("fake", "mlem-provider-fake 1", FakeProvider)])
    for module in ("mlem.plugins", "mlem.resolve", "mlem.api.declarations", "mlem.api.installed", "mlem.api.models", "mlem.api.objects"):
        monkeypatch.setattr(f"{module}.registry", lambda: registry)
    return reset()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.make(tmp_path / "project")
    made.save("double", 2.0)
    made.save("triple", 3.0)
    return made
