"""What all tests share. What only some packages' environments have is imported where it is used."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

# A shared machine is now and then slow: a deadline would find its pauses, not our faults.
settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")

REQUIRED = os.environ.get("CI") == "true" or bool(os.environ.get("MLEM_REQUIRE_ENGINE"))
REGISTRY = os.environ.get("MLEM_TEST_REGISTRY", "127.0.0.1:5000")
HEROKU_SCHEMA = Path(__file__).parents[2] / "shared" / "heroku" / "platform-api-schema.json"


@pytest.fixture(scope="session")
def lacking() -> Callable[[str], NoReturn]:
    """Say that this machine lacks what a test needs: the test is skipped, and fails in the project's check."""

    def say(reason: str) -> NoReturn:
        if REQUIRED:
            pytest.fail(f"{reason}; python tools/engine/start.py starts one")
        pytest.skip(reason)

    return say


@pytest.fixture(scope="session")
def engine(lacking: Callable[[str], NoReturn]) -> Any:
    """The Docker Engine that the docker command uses."""
    from mlem_model.errors import MlemError
    from mlem_provider_docker import EngineAddress, connect

    try:
        return connect(EngineAddress().endpoint())
    except MlemError as error:
        lacking(f"no Docker Engine: {error.message}")


@pytest.fixture(scope="session")
def push_registry(lacking: Callable[[str], NoReturn]) -> str:
    """A registry without TLS on this machine, as in an image's name."""
    try:
        with urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=5):
            return REGISTRY
    except (urllib.error.URLError, OSError) as error:
        lacking(f"no registry at {REGISTRY}: {error}")


@pytest.fixture(scope="session", autouse=True)
def image_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The cache of images that all tests share, and that is not the user's."""
    folder = tmp_path_factory.getbasetemp().parent / "images"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLEM_IMAGE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def hub(
    push_registry: str, lacking: Callable[[str], NoReturn], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The name of the image to start from, in a copy of Docker Hub that commands use."""
    from filelock import FileLock

    mirror = f"{push_registry}/mlem-test"
    name = f"{mirror}/library/python:3.11-slim"
    with FileLock(tmp_path_factory.getbasetemp().parent / "hub.lock"):
        for words in (["tag", "python:3.11-slim", name], ["push", "--quiet", name], ["rmi", name]):
            done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
            if done.returncode:
                lacking(f"no base image: {done.stderr}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLEM_IMAGE_MIRROR", mirror)
        yield name


@pytest.fixture(scope="session")
def heroku_schema_if_there() -> Path | None:
    """Heroku's JSON schema of its API; None where it is not at hand, which the project's check does not take."""
    if HEROKU_SCHEMA.is_file():
        return HEROKU_SCHEMA
    if os.environ.get("CI") == "true":
        pytest.fail(f"no schema of Heroku's API at {HEROKU_SCHEMA}")
    return None


@pytest.fixture(scope="session")
def heroku_schema(heroku_schema_if_there: Path | None) -> Path:
    """The same; the test is skipped without it."""
    if heroku_schema_if_there is None:
        pytest.skip("Heroku's JSON schema of its API is not part of the project: ../shared/heroku")
    return heroku_schema_if_there


def interpreter(version: str) -> str | None:
    """Return a Python of a version, ``3.12``; None when this machine has none."""
    found = shutil.which(f"python{version}")
    here = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in [
        *([found] if found else []),
        *map(str, here),
    ]:  # the first may be a shim of a version that is not chosen
        done = subprocess.run([candidate, "-c", code], capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:
            return candidate
    return None


@pytest.fixture(scope="session")
def environment_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make an environment with a Python and packages, once for all workers, and return its Python.

    The test is skipped where there is no such Python.
    """
    from filelock import FileLock

    root = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent

    def make(version: str, *packages: str) -> Path:
        python = interpreter(version)
        if python is None:
            pytest.skip(f"no Python {version} on this machine")
        folder = root / f"python{version}-{zlib.crc32(' '.join(packages).encode()):08x}"
        inside, complete = folder / "bin" / "python", folder / "complete"
        uv = [sys.executable, "-m", "uv"]
        with FileLock(f"{folder}.lock"):
            if not complete.exists():
                for words in (["venv", "-q", "--python", python, folder], ["pip", "install", "-q", *packages]):
                    where = ["--python", inside] if words[0] == "pip" else []
                    done = subprocess.run([*uv, *words, *where], capture_output=True, text=True, check=False)
                    assert done.returncode == 0, done.stderr
                complete.touch()
        return inside

    return make


@pytest.fixture
def plain(tmp_path: Path) -> Any:
    """A project with the models ``double``, ``triple`` and ``wrong``, which need no packages."""
    from mlem.testing import Project

    made = Project.make(tmp_path / "project")
    made.save("double", 2.0)
    made.save("triple", 3.0)
    made.save_wrong("wrong")
    return made


@pytest.fixture
def plants(tmp_path: Path) -> Any:
    """A folder on the path for distributions of strangers, and a project that sees them."""
    from plants import plants_for

    return plants_for(tmp_path / "plants")


BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser(lacking: Callable[[str], NoReturn]) -> Iterator[Any]:
    """A real browser, Debian's chromium, which `.ci/run` installs."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        lacking("playwright is not installed")
    if BROWSER is None:
        lacking("there is no chromium on this machine")
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def axe(lacking: Callable[[str], NoReturn]) -> str:
    """Deque's checker of pages, which npm installs."""
    path = Path(os.environ.get("MLEM_TEST_NODE_MODULES", "node_modules")) / "axe-core" / "axe.min.js"
    if not path.is_file():
        lacking(f"{path} is not there: .ci/run has the line for npm")
    return path.read_text()
