"""What the account has, and what Heroku offers to all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlem_heroku_simulator.api import documents
from mlem_heroku_simulator.api.answer import Answer
from mlem_heroku_simulator.api.ranges import part
from mlem_heroku_simulator.limits import CALLS_PER_HOUR
from mlem_heroku_simulator.platform.app_state import AppState
from mlem_heroku_simulator.platform.offers import EMAIL, REGIONS, STACKS
from mlem_heroku_simulator.platform.platform import Platform
from mlem_heroku_simulator.platform.refusal import Refusal

_APPS_BY: Mapping[str, Callable[[AppState], str]] = {"name": lambda app: app.name, "id": lambda app: app.id}

_EMPTY = ("/account/features", "/account/keys", "/addon-attachments", "/addons", "/pipelines", "/teams")
"""Lists of what the simulator never has."""


class AccountOperations:
    """The account, its apps, regions and stacks.

    Args:
        platform: What they act on.
        remaining: Says how many calls are left.
    """

    def __init__(self, platform: Platform, remaining: Callable[[], int]) -> None:
        self._platform, self._remaining = platform, remaining

    def table(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        """Return methods, paths and what they do."""
        return [
            ("GET", "/account", lambda **_: Answer(200, documents.account())),
            (
                "GET",
                "/account/rate-limits",
                lambda **_: Answer(200, {"remaining": min(self._remaining(), CALLS_PER_HOUR)}),
            ),
            ("GET", "/users/{user}", self._user),
            ("GET", "/apps", self._apps),
            ("GET", "/users/{user}/apps", self._apps),
            ("GET", "/teams/{team}/apps", self._apps_of_team),
            ("GET", "/regions", lambda **_: Answer(200, [documents.region(name) for name in REGIONS])),
            ("GET", "/stacks", lambda **_: Answer(200, [documents.stack(name) for name in STACKS])),
            *(("GET", path, lambda **_: Answer(200, [])) for path in _EMPTY),
        ]

    def _user(self, user: str, **_: Any) -> Answer:
        _expect_own(user)
        return Answer(200, documents.account())

    def _apps(self, headers: Mapping[str, str], user: str = "~", **_: Any) -> Answer:
        _expect_own(user)
        apps = [app for app in self._platform.apps.values() if user == "~" or app.team is None]
        return part(apps, headers.get("Range", ""), _APPS_BY, documents.app)

    def _apps_of_team(self, headers: Mapping[str, str], team: str, **_: Any) -> Answer:
        apps = [app for app in self._platform.apps.values() if app.team == team]
        if not apps:
            raise Refusal(404, "not_found", "Couldn't find that team.")
        return part(apps, headers.get("Range", ""), _APPS_BY, documents.team_app)


def _expect_own(user: str) -> None:
    if user not in ("~", EMAIL, documents.account()["id"]):
        raise Refusal(403, "forbidden", "You do not have access to that account.")
