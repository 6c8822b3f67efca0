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

from mlem import api
from mlem.testing import Project
from mlem_heroku_simulator import HerokuSimulator
from mlem_heroku_simulator.platform.app_state import AppState
from mlem_provider_heroku.names import LINEAGE_VAR, new_name, parked_name

KEY = "key-of-the-tests-3f1c"


class MarkedSimulator(HerokuSimulator):
    """The simulator, which finds apps by what the provider marks them with."""

    def apps_of(self, lineage: str) -> list[AppState]:
        """Return the apps of a deployment."""
        names = {new_name(lineage), parked_name(lineage)}
        return [
            app
            for app in self.platform.apps.values()
            if app.config_vars.get(LINEAGE_VAR) == lineage or app.name in names
        ]


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test may see the user's key."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HEROKU_API_KEY", KEY)


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
def _simulator(
    hub: str, push_registry: str, heroku_schema_if_there: Path | None, certificate: Path | None
) -> Iterator[MarkedSimulator]:
    limits = {"boot_timeout_s": 20.0, "stop_timeout_s": 2.0}
    with MarkedSimulator(
        registry=push_registry, schema=heroku_schema_if_there, certificate=certificate, **limits
    ) as found:
        yield found


@pytest.fixture
def heroku(_simulator: MarkedSimulator) -> Iterator[MarkedSimulator]:
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
    plain.expect_done_as_said()
    for deployed, _ in api.deployments(str(plain.folder)):
        plain.handle(deployed).remove()
