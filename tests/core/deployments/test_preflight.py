"""What a platform can say before anything is deployed to it is said by doctor, by plan and by run."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from mlem import api
from mlem.testing import Project
from mlem.testing.fake import FakeEnv, FakePlatform
from mlem_model.errors import CredentialsError

Preflight = Callable[[Mapping[str, Callable[[], str]]], None]


@pytest.fixture
def preflight(monkeypatch: pytest.MonkeyPatch) -> Preflight:
    """Say what the platform checks."""
    return lambda checks: monkeypatch.setattr(FakeEnv, "preflight", lambda _self: checks)


def refuses() -> str:
    raise CredentialsError("nobody knows this key", hint="make another one")


def test_plan_and_run_end_before_anything_is_made(
    project: Project, platform: FakePlatform, preflight: Preflight
) -> None:
    preflight({"weather": lambda: "fine", "key": refuses})
    api.declare_deployment("fake", "app", {"model": "double"}, project=project.folder)
    with pytest.raises(CredentialsError, match="nobody knows this key"):
        project.handle("app").plan()
    with pytest.raises(CredentialsError, match="nobody knows this key"):
        project.handle("app").run()
    assert (platform.resources, project.handle("app").state()) == ({}, None)


def test_a_run_that_makes_nothing_asks_for_nothing(
    project: Project, platform: FakePlatform, preflight: Preflight
) -> None:
    api.deploy("fake", "app", model="double", project=project.folder)
    preflight({"key": refuses})
    assert project.handle("app").run().changed is False


def test_doctor_says_what_each_platform_of_the_project_says(
    project: Project, platform: FakePlatform, preflight: Preflight
) -> None:
    api.declare_env("fake", "prod", {"region": "there"}, project=project.folder)
    api.declare_deployment("fake", "app", {"model": "double", "env": "prod"}, project=project.folder)
    api.declare_deployment("fake", "other", {"model": "double"}, project=project.folder)
    preflight({"weather": lambda: "fine", "key": refuses})
    found = {one.name: one for one in api.diagnose(project.folder)}
    assert (found["env prod: weather"].message, found["env prod: weather"].error) == ("fine", None)
    assert isinstance(found["env prod: key"].error, CredentialsError)
    assert "deployment app: key" not in found  # the same env
    assert "deployment other: key" in found


def test_an_env_that_cannot_be_read_is_wrong_and_the_others_are_still_asked(
    project: Project, platform: FakePlatform, preflight: Preflight
) -> None:
    api.declare_env("fake", "prod", {}, project=project.folder)
    (project.folder / "broken.mlem").write_text("object_type: env\ntype: no-such-type\n")
    preflight({"weather": lambda: "fine"})
    found = {one.name: one for one in api.diagnose(project.folder)}
    assert found["env broken"].error is not None
    assert found["env broken"].error.code == "unknown-type"
    assert found["env prod: weather"].error is None
