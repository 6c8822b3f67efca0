"""What each request does: a table of methods and paths."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from mlem_provider_heroku.api import DOCKER_RELEASES
from mlem_provider_heroku.limits import CALLS_PER_HOUR
from mlem_provider_heroku.testing import documents
from mlem_provider_heroku.testing.platform import AppState, Platform, Refusal, size_name

Answer = tuple[int, Any]


class Operations:
    """Carries requests out.

    Args:
        platform: What they act on.
        open_log: Takes an app, the number of lines and whether to follow, and returns the URL of a log session.
        remaining: Says how many calls are left.
    """

    def __init__(self, platform: Platform, open_log: Callable[[AppState, int, bool], str], remaining: Callable[[], int]) -> None:
        self._platform, self._open_log, self._remaining = platform, open_log, remaining
        of_app = r"/apps/(?P<app>[^/]+)"
        self._table: list[tuple[str, re.Pattern[str], Callable[..., Answer]]] = [
            (method, re.compile(path), operation)
            for method, path, operation in (
                ("GET", "/account", self._account),
                ("GET", "/account/rate-limits", self._rate_limits),
                ("POST", "/apps", self._create),
                ("POST", "/teams/apps", self._create_for_team),
                ("GET", of_app, self._app),
                ("PATCH", of_app, self._rename),
                ("DELETE", of_app, self._delete),
                ("GET", f"{of_app}/config-vars", self._config_vars),
                ("PATCH", f"{of_app}/config-vars", self._set_config_vars),
                ("GET", f"{of_app}/formation", self._formation),
                ("PATCH", f"{of_app}/formation", self._set_formation),
                ("GET", f"{of_app}/releases", self._releases),
                ("POST", f"{of_app}/releases", self._roll_back),
                ("GET", f"{of_app}/dynos", self._dynos),
                ("DELETE", f"{of_app}/dynos", self._restart),
                ("POST", f"{of_app}/log-sessions", self._log_session),
            )
        ]

    def carry_out(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Answer:
        """Carry a request out, and return status and body.

        Raises:
            Refusal: The answer is an error.
        """
        for each, pattern, operation in self._table:
            match = pattern.fullmatch(path)
            if each == method and match:
                with self._platform.lock:
                    arguments = {"app": self._platform.find(match["app"])} if "app" in match.groupdict() else {}
                    return operation(headers=headers, body=body or {}, **arguments)
        raise Refusal(404, "not_found", "The requested API endpoint was not found.")

    def _account(self, **_: Any) -> Answer:
        return 200, documents.account()

    def _rate_limits(self, **_: Any) -> Answer:
        return 200, {"remaining": min(self._remaining(), CALLS_PER_HOUR)}

    def _create(self, body: Mapping[str, Any], **_: Any) -> Answer:
        return 201, documents.app(self._platform.create(body["name"], body.get("region", "us"), None))

    def _create_for_team(self, body: Mapping[str, Any], **_: Any) -> Answer:
        return 201, documents.team_app(self._platform.create(body["name"], body.get("region", "us"), body.get("team")))

    def _app(self, app: AppState, **_: Any) -> Answer:
        return 200, documents.app(app)

    def _rename(self, app: AppState, body: Mapping[str, Any], **_: Any) -> Answer:
        self._platform.rename(app, body.get("name", app.name))
        return 200, documents.app(app)

    def _delete(self, app: AppState, **_: Any) -> Answer:
        last = documents.app(app)
        self._platform.delete(app)
        return 200, last

    def _config_vars(self, app: AppState, **_: Any) -> Answer:
        return 200, dict(app.config_vars)

    def _set_config_vars(self, app: AppState, body: Mapping[str, Any], **_: Any) -> Answer:
        self._platform.set_config_vars(app, body)
        return 200, dict(app.config_vars)

    def _formation(self, app: AppState, **_: Any) -> Answer:
        return 200, documents.formation(app)

    def _set_formation(self, app: AppState, headers: Mapping[str, str], body: Mapping[str, Any], **_: Any) -> Answer:
        for update in body["updates"]:
            if update["type"] != "web":
                raise Refusal(422, "invalid_params", "The simulator has web dynos alone.")
            image_id = update.get("docker_image")
            if image_id is not None:
                if headers.get("Accept") != DOCKER_RELEASES:
                    raise Refusal(422, "invalid_params", "docker_image needs the variant 3.docker-releases.")
                self._platform.release_image(app, image_id)
            if "quantity" in update or "dyno_size" in update:
                self._platform.scale(app, update.get("quantity"), size_name(update.get("dyno_size")))
        return 200, documents.formation(app)

    def _releases(self, app: AppState, headers: Mapping[str, str], **_: Any) -> Answer:
        order = headers.get("Range", "")
        found = sorted(app.releases, key=lambda release: release.version, reverse="order=desc" in order)
        most = re.search(r"max=(\d+)", order)
        kept = found[: int(most[1])] if most else found
        return (206 if len(kept) < len(found) else 200), [documents.release(app, release) for release in kept]

    def _roll_back(self, app: AppState, body: Mapping[str, Any], **_: Any) -> Answer:
        self._platform.roll_back(app, body.get("release", ""))
        return 201, documents.release(app, app.current)

    def _dynos(self, app: AppState, **_: Any) -> Answer:
        return 200, [documents.dyno(app, dyno) for dyno in app.dynos]

    def _restart(self, app: AppState, **_: Any) -> Answer:
        self._platform.restart(app)
        return 202, {}

    def _log_session(self, app: AppState, body: Mapping[str, Any], **_: Any) -> Answer:
        return 201, documents.log_session(self._open_log(app, body.get("lines", 100), bool(body.get("tail"))))
