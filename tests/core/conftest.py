"""What the core's tests share: a project whose deployments live on a platform in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlem import hookimpl
from mlem.testing import Project
from mlem.testing.fake import FakeDeployment, FakeEnv, FakePlatform, reset
from mlem_model.plugins.kinds import BASE
from mlem_model.plugins.registry import Plugin, Registry, installed_plugins, using


class FakeProvider:
    """A plugin with the fake types."""

    @hookimpl
    def mlem_envs(self) -> list[type[FakeEnv]]:
        return [FakeEnv]

    @hookimpl
    def mlem_deployments(self) -> list[type[FakeDeployment]]:
        return [FakeDeployment]


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    core = [plugin for plugin in installed_plugins() if plugin.distribution_name in BASE]
    registry = Registry([*core, Plugin("fake", "mlem-provider-fake 1", FakeProvider)])
    with using(registry):
        yield reset()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project.make(tmp_path / "project")
    made.save("double", 2.0)
    made.save("triple", 3.0)
    return made
