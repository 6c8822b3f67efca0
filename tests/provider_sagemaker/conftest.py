"""AWS as far as an endpoint needs it.

Moto behind `tools/simulators/sagemaker_server.py`, containers on a real Engine, a real registry.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import sagemaker_server

from mlem import api
from mlem.testing import Project

APP = "app"


@pytest.fixture(scope="session")
def _server(push_registry: str, hub: str, lacking: Callable[[str], NoReturn]) -> Iterator[Any]:
    try:
        with sagemaker_server.sagemaker(push_registry) as server:
            yield server
    except FileNotFoundError as error:
        lacking(str(error))


@pytest.fixture
def aws(_server: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """AWS, as an environment without anything else of AWS's in it sees it."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "SAGEMAKER_")):
            monkeypatch.delenv(name)
    for name, value in _server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    _server.calls.clear()
    yield _server
    _server.faults, _server.refused, _server.allowed, _server.endpoints.delay_s = {}, {}, None, 0.0


@pytest.fixture
def name(tmp_path: Path) -> str:
    """A name for an endpoint and a repository that no other test uses."""
    return f"t-{os.getpid()}-{tmp_path.name}".lower().replace("_", "-")[:60].strip("-")


@pytest.fixture
def options(name: str) -> list[str]:
    """The options of a deployment that is looked at often."""
    return [f"--{key}={value}" for key, value in fields(name).items()]


def fields(name: str) -> dict[str, Any]:
    """Return the fields of a deployment that is looked at often."""
    return {
        "endpoint_name": name,
        "env.role": "mlem-endpoints",
        "env.ecr_repository": f"mlem-test/{name}",
        "poll_s": 0.2,
        "gate_timeout_s": 60,
    }


@pytest.fixture
def project(aws: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A project with the models ``double``, ``triple`` and ``wrong``; what it deployed is removed in the end."""
    made = Project.make(tmp_path / "project")
    made.save("double", 2.0)
    made.save("triple", 3.0)
    made.save_wrong("wrong")
    yield made
    aws.faults, aws.refused, aws.allowed = {}, {}, None
    for key, value in aws.environment.items():  # which the test may have changed
        monkeypatch.setenv(key, value)
    made.expect_done_as_said()
    for deployment, _ in api.deployments(str(made.folder)):
        made.handle(deployment).remove()


def deploy(project: Project, model: str, options: list[str]) -> str:
    """Deploy as ``app``, and return what was said."""
    done = project.run("sagemaker", APP, model, options)
    assert done.returncode == 0, done.stderr
    return done.stderr


def lineage_of(project: Project) -> str:
    """Return the deployment's lineage."""
    state = project.handle(APP).state()
    assert state is not None
    return state.lineage
