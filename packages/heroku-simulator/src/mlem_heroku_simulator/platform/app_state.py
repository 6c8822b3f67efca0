"""`AppState`: one app, with its releases, its formation and its dynos."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mlem_heroku_simulator.dynos.dyno import Dyno
from mlem_heroku_simulator.dynos.one_off import OneOff
from mlem_heroku_simulator.logs.buffer import LogBuffer


def now() -> str:
    """Return the time as the API writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Release:
    """One release: an image and the config vars of then."""

    version: int
    description: str
    image_id: str | None
    config_vars: dict[str, str]
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: str = field(default_factory=now)


@dataclass
class Formation:
    """How many web dynos of which size."""

    quantity: int = 1
    size: str = "Basic"
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    created: str = field(default_factory=now)


@dataclass
class AppState:
    """One app."""

    name: str
    region: str
    team: str | None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    host_suffix: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    created: str = field(default_factory=now)
    names: list[str] = field(default_factory=list)
    config_vars: dict[str, str] = field(default_factory=dict)
    releases: list[Release] = field(default_factory=list)
    formation: Formation | None = None
    dynos: list[Dyno] = field(default_factory=list)
    one_offs: list[OneOff] = field(default_factory=list)
    stack: str = "container"
    build_stack: str = "container"
    maintenance: bool = False
    copies: dict[str, str] = field(default_factory=dict)
    log: LogBuffer = field(default_factory=LogBuffer)

    @property
    def current(self) -> Release:
        """The newest release."""
        return self.releases[-1]


def host_of(app: AppState) -> str:
    """Return an app's host name.

    Source: Dev Center, "Custom Domain Names": ``<name>-<random>.herokuapp.com`` (read 2026-11).
    """
    return f"{app.name}-{app.host_suffix}.herokuapp.com"
