"""A simulator of Heroku on a real Engine with a real registry, and Heroku's own schema as its judge."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from mlem import api
from mlem.testing import Project
from mlem_model.plugins.registry import registry
from mlem_provider_docker import Engine
from mlem_provider_heroku.testing import HerokuSimulator

SCHEMA = Path(__file__).parents[2].parent / "shared" / "heroku" / "platform-api-schema.json"
CACHE = "mlem-test-cache-heroku"
KEY = "key-of-the-tests-3f1c"


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may see the user's key."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HEROKU_API_KEY", KEY)


@pytest.fixture(scope="session")
def schema() -> Path:
    """Heroku's JSON schema of its API."""
    if not SCHEMA.is_file():
        if os.environ.get("CI") == "true":
            pytest.fail(f"no schema of Heroku's API at {SCHEMA}")
        pytest.skip(
            "Heroku's JSON schema of its API is no part of the project: ../shared/heroku/platform-api-schema.json"
        )
    return SCHEMA


@pytest.fixture(scope="session")
def warm(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An image of a model without packages.

    While it is there, the layers of all the others' packages stay in the Engine's cache.
    """
    project = Project.make(tmp_path_factory.mktemp("warm"))
    project.save("double", 2.0)
    fields = {"image_name": CACHE, "platform": "linux/amd64"}
    builder = registry().get("builder", "docker").from_data(fields, "the tests")
    with FileLock(tmp_path_factory.getbasetemp().parent / "mlem-heroku.lock"):
        builder.build(
            api.load_meta("double", str(project.folder)), str(project.folder / "double.mlem"), lambda _line: None
        )


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    """A key and a certificate for 127.0.0.1, which signs itself; None on a machine without openssl."""
    if shutil.which("openssl") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("no openssl on this machine")
        return None
    folder = tmp_path_factory.mktemp("tls")
    key, signed = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(signed)]
    subprocess.run(command, check=True, capture_output=True)
    signed.write_text(key.read_text() + signed.read_text())
    return signed


@pytest.fixture(scope="session")
def _simulator(warm: None, push_registry: str, certificate: Path | None) -> Iterator[HerokuSimulator]:
    if not SCHEMA.is_file() and os.environ.get("CI") == "true":
        pytest.fail(f"no schema of Heroku's API at {SCHEMA}")
    judge = SCHEMA if SCHEMA.is_file() else None
    with HerokuSimulator(
        registry=push_registry, schema=judge, boot_timeout_s=20, stop_timeout_s=2, certificate=certificate
    ) as found:
        yield found


@pytest.fixture
def heroku(_simulator: HerokuSimulator) -> Iterator[HerokuSimulator]:
    """The simulator; where the schema is at hand, every exchange of every test is as Heroku's schema has it."""
    _simulator.api.faults.plan({})
    _simulator.api.violations.clear()
    _simulator.api.exchanges.clear()
    yield _simulator
    assert _simulator.api.violations == []


@pytest.fixture
def name() -> str:
    """A name for an app that no other test uses."""
    return f"t{secrets.token_hex(6)}"


@pytest.fixture
def project(plain: Project, heroku: HerokuSimulator) -> Iterator[Project]:
    """The same, with the simulator as env ``staging``; what it deployed is removed in the end."""
    fields = {**heroku.fields(), "object_type": "env", "type": "heroku"}
    (plain.folder / "staging.mlem").write_text(
        "".join(f"{key}: {json.dumps(value)}\n" for key, value in fields.items())
    )
    yield plain
    heroku.api.faults.plan({})
    for deployed, _ in api.deployments(str(plain.folder)):
        plain.handle(deployed).remove()
