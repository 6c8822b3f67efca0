"""What is done to apps and their config vars."""

from __future__ import annotations

import random
import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from mlem_heroku_simulator.api import documents
from mlem_heroku_simulator.api.answer import Answer, text
from mlem_heroku_simulator.limits import CONFIG_VAR_NAME
from mlem_heroku_simulator.platform.app_state import AppState
from mlem_heroku_simulator.platform.offers import expect_stack
from mlem_heroku_simulator.platform.platform import Platform
from mlem_heroku_simulator.platform.refusal import Refusal

_EMPTY = (
    "addons",
    "addon-attachments",
    "buildpack-installations",
    "builds",
    "features",
    "log-drains",
    "sni-endpoints",
    "webhooks",
)
"""Lists of what apps of the simulator never have."""


class AppOperations:
    """Apps and config vars.

    Args:
        platform: What they act on.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    def table(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        """Return methods, paths and what they do."""
        return [
            ("POST", "/apps", self._create),
            ("POST", "/teams/apps", self._create_for_team),
            ("GET", "/apps/{app}", lambda app, **_: Answer(200, documents.app(app))),
            ("GET", "/teams/apps/{app}", lambda app, **_: Answer(200, documents.team_app(app))),
            ("PATCH", "/apps/{app}", self._update),
            ("DELETE", "/apps/{app}", self._delete),
            ("GET", "/apps/{app}/config-vars", lambda app, **_: Answer(200, dict(app.config_vars))),
            ("PATCH", "/apps/{app}/config-vars", self._set_config_vars),
            ("GET", "/apps/{app}/collaborators", lambda app, **_: Answer(200, [documents.collaborator(app)])),
            ("GET", "/apps/{app}/domains", lambda app, **_: Answer(200, [documents.domain(app)])),
            ("GET", "/apps/{app}/pipeline-couplings", _no_pipeline),
            *(("GET", f"/apps/{{app}}/{what}", lambda **_: Answer(200, [])) for what in _EMPTY),
        ]

    def _create(self, body: Mapping[str, Any], **_: Any) -> Answer:
        return Answer(201, documents.app(self._created(body, None)))

    def _create_for_team(self, body: Mapping[str, Any], **_: Any) -> Answer:
        return Answer(201, documents.team_app(self._created(body, text(body, "team"))))

    def _created(self, body: Mapping[str, Any], team: str | None) -> AppState:
        name, region, stack = (
            text(body, "name") or _any_name(),
            text(body, "region") or "us",
            text(body, "stack") or "heroku-24",
        )
        return self._platform.create(name, region, team, stack)

    def _update(self, app: AppState, body: Mapping[str, Any], **_: Any) -> Answer:
        stack, maintenance = text(body, "build_stack") or app.build_stack, body.get("maintenance")
        expect_stack(stack)
        if not isinstance(maintenance, bool | None):
            raise Refusal(422, "invalid_params", "maintenance must be true or false.")
        self._platform.rename(app, text(body, "name") or app.name)
        app.build_stack, app.maintenance = stack, app.maintenance if maintenance is None else maintenance
        return Answer(200, documents.app(app))

    def _delete(self, app: AppState, **_: Any) -> Answer:
        last = documents.app(app)
        self._platform.delete(app)
        return Answer(200, last)

    def _set_config_vars(self, app: AppState, body: Mapping[str, Any], **_: Any) -> Answer:
        for name, value in body.items():
            if not isinstance(value, str | None):
                raise Refusal(422, "invalid_params", f"Config var {name} must be a string.")
            if not re.fullmatch(CONFIG_VAR_NAME, name):
                raise Refusal(422, "invalid_params", f"Config var key {name} is invalid.")
        self._platform.set_config_vars(app, body)
        return Answer(200, dict(app.config_vars))


def _no_pipeline(**_: Any) -> Answer:
    raise Refusal(404, "not_found", "Couldn't find that pipeline coupling.")


def _any_name() -> str:
    first, second = random.choice(("calm", "floating", "quiet")), random.choice(("dragon", "meadow", "river"))  # noqa: S311  # a name
    return f"{first}-{second}-{secrets.token_hex(4)}"
