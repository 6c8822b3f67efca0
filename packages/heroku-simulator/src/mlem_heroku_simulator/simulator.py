"""`HerokuSimulator`: all of it together."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mlem import DeclarationError
from mlem_heroku_simulator.api.server import ApiServer
from mlem_heroku_simulator.dynos.dyno import Settings
from mlem_heroku_simulator.limits import BOOT_TIMEOUT_S
from mlem_heroku_simulator.platform.app_state import AppState
from mlem_heroku_simulator.platform.platform import Platform
from mlem_heroku_simulator.platform.registry import Registry
from mlem_heroku_simulator.router import Router
from mlem_provider_docker import EngineAddress, connect

if TYPE_CHECKING:
    from mlem_heroku_simulator.api.schema.schema import Schema
    from mlem_heroku_simulator.dynos.rendezvous import Rendezvous


class HerokuSimulator:
    """Heroku on this machine: its API, its registry's images really run as containers, and its router in front of them.

    Example::

        with HerokuSimulator(registry="127.0.0.1:5000") as heroku:
            subprocess.run(["mlem", "deployment", "run", "heroku", "iris-app", "--model", "iris", *heroku.options()])

    Args:
        registry: A registry without TLS on this machine, that the Engine may push to.
        engine: The Engine that runs the dynos.
        schema: The file with Heroku's JSON schema of its API; when given, every exchange is validated.
        key: The only API key that is accepted; None for any.
        boot_timeout_s: How long a dyno may take to listen on ``$PORT``.
        stop_timeout_s: How long a dyno may take to end.
        api_port: The API's port; 0 for any free one.
        router_port: The router's port; 0 for any free one.
        certificate: A PEM file with a key and a certificate for 127.0.0.1: ``heroku run`` needs TLS, and is refused
            without.

    Attributes:
        api: The API: exchanges, faults, violations, rate limit.
        platform: The apps.
        router: The router.
    """

    def __init__(
        self,
        *,
        registry: str = "127.0.0.1:5000",
        engine: EngineAddress | None = None,
        schema: Path | None = None,
        key: str | None = None,
        boot_timeout_s: float = BOOT_TIMEOUT_S,
        stop_timeout_s: float = 5.0,
        api_port: int = 0,
        router_port: int = 0,
        certificate: Path | None = None,
    ) -> None:
        self.id = secrets.token_hex(6)
        self.registry = registry
        found = connect((engine or EngineAddress()).endpoint())
        settings = Settings(self.id, boot_timeout_s, stop_timeout_s)
        self.platform = Platform(found, Registry(registry, found, self.id), settings)
        self._rendezvous = _rendezvous(certificate) if certificate else None
        self.api = ApiServer(self.platform, _judge(schema) if schema else None, key, api_port, self._rendezvous)
        self.router = Router(self.platform, router_port)

    def fields(self) -> Mapping[str, str]:
        """Return the fields of an env that lead here instead of to Heroku."""
        return {"api_url": self.api.url, "registry": self.registry, "app_address": f"{self.router.url}/{{app_name}}"}

    def options(self, prefix: str = "env.") -> list[str]:
        """Return the same as options of a command."""
        return [f"--{prefix}{name}={value}" for name, value in self.fields().items()]

    def app(self, name: str) -> AppState:
        """Return an app by name or id."""
        return self.platform.find(name)

    def close(self) -> None:
        """Delete all apps with their containers and images, and end the servers."""
        self.platform.close()
        self.router.close()
        self.api.close()
        if self._rendezvous is not None:
            self._rendezvous.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _judge(path: Path) -> Schema:
    from mlem_heroku_simulator.api.schema.schema import (
        Schema,
    )  # late: jsonschema is not needed by those who have no schema

    return Schema.load(path)


def _rendezvous(certificate: Path) -> Rendezvous:
    from mlem_heroku_simulator.dynos.rendezvous import Rendezvous

    try:
        return Rendezvous(certificate)
    except (OSError, ValueError) as error:
        hint = "a PEM file with a key and a certificate for 127.0.0.1"
        raise DeclarationError(
            f"{certificate} is not a certificate: {error}", code="bad-certificate", hint=hint
        ) from error
