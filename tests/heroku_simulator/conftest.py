"""A simulator without a provider, and a client of its API."""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlem_heroku_simulator import HerokuSimulator
from mlem_heroku_simulator.platform.app_state import AppState, Formation


@pytest.fixture(scope="session")
def _simulator(engine: Any, push_registry: str, heroku_schema_if_there: Path | None) -> Iterator[HerokuSimulator]:
    with HerokuSimulator(registry=push_registry, schema=heroku_schema_if_there) as found:
        yield found


@pytest.fixture
def heroku(_simulator: HerokuSimulator) -> Iterator[HerokuSimulator]:
    """The simulator; where the schema is at hand, every exchange of every test is as Heroku's schema has it."""
    _simulator.api.violations.clear()
    yield _simulator
    assert _simulator.api.violations == []


@pytest.fixture
def name() -> str:
    """A name for an app that no other test uses."""
    return f"t{secrets.token_hex(6)}"


class Client:
    """A client that is neither ours nor Heroku's: what it sends is judged as Heroku would.

    Args:
        heroku: The simulator.
    """

    def __init__(self, heroku: HerokuSimulator) -> None:
        self._heroku = heroku

    def __call__(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """Send a request; return the status and the answer."""
        return self.answer(method, path, None if body is None else json.dumps(body), **headers)[:2]

    def answer(
        self, method: str, path: str, text: str | None = None, **headers: str
    ) -> tuple[int, Any, http.client.HTTPResponse]:
        """Send a request with a body as it is; return the status, the answer and its headers."""
        connection = http.client.HTTPConnection(urlsplit(self._heroku.api.url).netloc, timeout=30)
        given = {"authorization": "Bearer any", **{name.replace("_", "-"): value for name, value in headers.items()}}
        try:
            connection.request(method, path, text, given)
            response = connection.getresponse()
            return response.status, json.loads(response.read()), response
        finally:
            connection.close()


@pytest.fixture
def client(heroku: HerokuSimulator) -> Client:
    return Client(heroku)


@pytest.fixture
def app(heroku: HerokuSimulator, name: str) -> Iterator[AppState]:
    """An app with process types and no image."""
    with heroku.platform.lock:
        made = heroku.platform.create(name, "us", None)
        made.formation = Formation()
    yield made
    if made.id in heroku.platform.apps:
        with heroku.platform.lock:
            heroku.platform.delete(made)
