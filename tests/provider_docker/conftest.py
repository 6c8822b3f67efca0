"""An Engine, a registry, and a warm cache; `tools/engine/start.py` starts them."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from mlem import api
from mlem.errors import MlemError
from mlem.plugins import registry
from mlem.testing import Project
from mlem_provider_docker.env import DockerEnv
from mlem_provider_docker.sdk import Engine, connect

REQUIRED = os.environ.get("CI") == "true" or bool(os.environ.get("MLEM_REQUIRE_ENGINE"))
REGISTRY = os.environ.get("MLEM_TEST_REGISTRY", "127.0.0.1:5000")
CACHE = "mlem-test-cache"


def _lacking(reason: str) -> None:
    if REQUIRED:
        pytest.fail(f"{reason}; python tools/engine/start.py starts one")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The Docker Engine that the docker command uses."""
    try:
        return connect(DockerEnv().endpoint())
    except MlemError as error:
        _lacking(f"no Docker Engine: {error.message}")
        raise


@pytest.fixture(scope="session")
def push_registry() -> str:
    """A registry without TLS on this machine, as in an image's name."""
    try:
        with urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=5):
            return REGISTRY
    except (urllib.error.URLError, OSError) as error:
        _lacking(f"no registry at {REGISTRY}: {error}")
        raise


def one_at_a_time(tmp_path_factory: pytest.TempPathFactory) -> FileLock:
    """Return a lock for building what all workers need: who comes second finds it in the Engine's cache."""
    return FileLock(tmp_path_factory.getbasetemp().parent / "mlem-docker.lock")


@pytest.fixture(scope="session")
def warm(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An image of a model without packages: while it is there, the layers of all the others' packages stay in the Engine's cache."""
    project = Project.make(tmp_path_factory.mktemp("warm"))
    project.save("double", 2.0)
    builder = registry().get("builder", "docker").from_data({"image_name": CACHE}, "the tests")
    with one_at_a_time(tmp_path_factory):
        builder.build(api.load_meta("double", str(project.folder)), str(project.folder / "double.mlem"), lambda _line: None)


@pytest.fixture
def plain(tmp_path: Path) -> Project:
    """A project with the models ``double``, ``triple`` and ``wrong``, which need no packages."""
    made = Project.make(tmp_path / "project")
    made.save("double", 2.0)
    made.save("triple", 3.0)
    made.save_wrong("wrong")
    return made


@pytest.fixture
def project(plain: Project, warm: None) -> Iterator[Project]:
    """The same, and what it deployed is removed in the end."""
    yield plain
    for name, _ in api.deployments(str(plain.folder)):
        done = plain.mlem("deployment", "remove", name)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def name(tmp_path: Path) -> str:
    """A name for containers and images that no other test uses."""
    return f"mlem-test-{os.getpid()}-{tmp_path.name}".lower().replace("_", "-")[:60].strip("-")
