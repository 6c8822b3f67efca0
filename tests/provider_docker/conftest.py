"""An Engine, a registry, and a warm cache; `tools/engine/start.py` starts them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import second_engine
from filelock import FileLock

from mlem import api
from mlem.testing import Project
from mlem_model.plugins.registry import registry
from mlem_provider_docker.api.sdk import Engine

CACHE = "mlem-test-cache"


def one_at_a_time(tmp_path_factory: pytest.TempPathFactory) -> FileLock:
    """Return a lock for building what all workers need: who comes second finds it in the Engine's cache."""
    return FileLock(tmp_path_factory.getbasetemp().parent / "mlem-docker.lock")


@pytest.fixture(scope="session")
def warm(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An image of a model without packages.

    While it is there, the layers of all the others' packages stay in the Engine's cache.
    """
    project = Project.make(tmp_path_factory.mktemp("warm"))
    project.save("double", 2.0)
    builder = registry().get("builder", "docker").from_data({"image_name": CACHE}, "the tests")
    with one_at_a_time(tmp_path_factory):
        builder.build(api.load_meta("double", str(project.folder)), lambda _line: None)


@pytest.fixture(scope="session")
def other_engine(lacking: Callable[[str], NoReturn], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a second Engine on this machine."""
    try:
        with second_engine.running(tmp_path_factory.mktemp("second")) as host:
            yield host
    except second_engine.CannotStartError as error:
        lacking(str(error))


@pytest.fixture
def project(plain: Project, warm: None) -> Iterator[Project]:
    """The same, and what it deployed is removed in the end."""
    yield plain
    plain.expect_done_as_said()
    for name, _ in api.deployments(str(plain.folder)):
        plain.handle(name).remove()


@pytest.fixture
def name(tmp_path: Path) -> str:
    """A name for containers and images that no other test uses."""
    return f"mlem-test-{os.getpid()}-{tmp_path.name}".lower().replace("_", "-")[:60].strip("-")


@pytest.fixture
def container(engine: Engine, warm: None, name: str) -> Iterator[str]:
    """A running container that does nothing."""
    id_ = engine.create("python:3.11-slim", name, {"command": ["sleep", "600"], "init": True})
    engine.start(id_, name)
    yield id_
    engine.remove_container(id_)
