"""`DeploymentFixtures`: what a provider says about itself for the suites."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from mlem import api
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.resolving.resolve import deployment_class
from mlem.testing.projects import Project
from mlem.testing.standard import Suite
from mlem_model.plugins.registry import registry

NAME = "app"
BrokenKind = Literal["error", "slow", "silent"]
"""How a platform is broken: it answers 5xx, some seconds late, or not at all."""


class DeploymentFixtures(Suite, ABC):
    """What a provider says about itself for the suites; a test class inherits from a suite and fills this in.

    What the platform can do is declared once, by `Deployment.capabilities`. A method of this class that has no meaning
    for the platform is named in ``lacks`` with a reason, and the tests that need it are skipped with that reason; a
    method that is neither written nor named fails them.
    """

    type: str
    """The deployment type."""
    further_credentials: ClassVar[tuple[str, ...]] = ()
    """Variables that credentials come from, and that are not secret: the id of a key."""

    def fields(self) -> Mapping[str, Any]:
        """Return the fields of a deployment."""
        return {}

    def changed_fields(self) -> Mapping[str, Any]:
        """Return the fields with one of them changed in a way that `plan` must notice."""
        return {}

    def unnamed_fields(self) -> Mapping[str, Any]:
        """Return the fields without any that names a resource: two deployments with them are made side by side."""
        return self.fields()

    def environment(self, tmp_path: Path) -> Mapping[str, str]:
        """Return environment variables for the commands."""
        return {}

    @abstractmethod
    def leftovers(self, lineage: str) -> list[str]:
        """List what is on the platform with the deployment's ownership label, running or not."""

    @abstractmethod
    def running(self, lineage: str) -> list[str]:
        """List the running servers on the platform with the deployment's ownership label."""

    @abstractmethod
    def kill(self, handle: DeploymentHandle) -> None:
        """Kill the deployment's server behind our back, as a crash would, and return when it is gone."""

    def passing(self, variable: str) -> Mapping[str, Any]:
        """Return the fields that pass an environment variable on to the server by its name."""
        return {}

    def secrets(self, project: Project) -> Mapping[str, str]:
        """Return values for the variables that credentials come from, with which the platform works here.

        By default each of `Env.secret_variables` that is not set has one of its own, which suits a platform that does
        not look at it.
        """
        cls = deployment_class(self.type)
        names = registry().beside(cls, "env", cls.env_type).secret_variables
        return {
            name: project.variables.get(name) or f"canary-{index}-5f0c1a"
            for index, name in enumerate(("MLEM_TOKEN", *names))
        }

    @contextmanager
    def copies(self, handle: DeploymentHandle) -> Iterator[Callable[[], Sequence[str]]]:
        """Make things by hand that inherit the marks of the deployment's resources, such as a copy of a process.

        Yields:
            A function that lists which of them exist.
        """
        yield lambda: ()

    @contextmanager
    def foreign(self, project: Project) -> Iterator[Callable[[], Sequence[str]]]:
        """Make what somebody else has under the name that `fields` leads to, without our ownership label.

        Yields:
            A function that describes it, so that a change of it is seen; nothing once it is gone.
        """
        yield lambda: ()

    @contextmanager
    def broken(self, kind: BrokenKind) -> Iterator[None]:
        """Break the platform for as long as the context lasts; `breaking` helps with an API over HTTP.

        Args:
            kind: How its API answers; a kind that is named in ``lacks`` is left out.
        """
        yield

    def wrong_credentials(self) -> Mapping[str, str]:
        """Return values for the variables of the credentials that the platform refuses."""
        return {}

    def elsewhere(self, project: Project) -> Project:
        """Return the same project as another machine, Engine or account sees it, where the deployment is not.

        It is lacked where the platform is one for all, and `Deployment.place` is None.
        """
        return project

    def make_project(self, folder: Path, environment: Mapping[str, str]) -> Project:
        """Make the project that the tests work in."""
        return Project.make(folder, environment)

    @pytest.fixture
    def project(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
        """A project with the models ``double``, ``triple`` and ``wrong``; what it deployed is removed at the end."""
        environment = self.environment(tmp_path)
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        project = self.make_project(tmp_path / "project", environment)
        project.save("double", 2.0)
        project.save("triple", 3.0)
        project.save_wrong("wrong")
        yield project
        project.expect_done_as_said()
        for name, _ in api.deployments(str(project.folder)):
            project.handle(name).remove()


def lineage_of(handle: DeploymentHandle) -> str:
    """Return the lineage of what is deployed."""
    state = handle.state()
    assert state is not None
    return state.lineage
