"""Heroku's Platform API: what a deployment asks of it, as methods.

Plain data in and out.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlem import ConflictError, MlemError, PlatformError, WaitTimeoutError
from mlem_provider_heroku.api.credentials import api_key
from mlem_provider_heroku.api.sdk import ApiSession, pause_s

if TYPE_CHECKING:
    from mlem_provider_heroku.env import HerokuEnv

DOCKER_RELEASES = "application/vnd.heroku+json; version=3.docker-releases"
"""The variant of the API that takes images. Source: Dev Center, "Container Registry & Runtime", section "Releasing an
image", part "API" (read 2026-11)."""

NEWEST_FIRST = "version ..; order=desc,max=1"
LATEST = "version ..; order=desc,max=200"
WEB = "web"
_ROLLBACK_ATTEMPTS = 5

App = dict[str, Any]


def connect(env: HerokuEnv, api_url: str | None = None) -> Heroku:
    """Return the API of an env.

    There is one session for each address and key.

    Args:
        env: The env.
        api_url: The address that a record names; the env's when None.

    Raises:
        CredentialsError: There is no API key.
    """
    url = api_url or env.api_url
    return _connect(url, api_key(url), env.timeout_s)


@functools.cache
def _connect(api_url: str, key: str, timeout_s: float) -> Heroku:
    return Heroku(ApiSession(api_url, key, timeout_s))


class Heroku:
    """The operations of the API.

    Each means the same when it is served twice, so that the session may repeat it. What does not, `roll_back`, looks
    before it asks again.

    Args:
        session: Sends the requests.
    """

    def __init__(self, session: ApiSession) -> None:
        self._session = session
        self._request = session.request

    @property
    def api_url(self) -> str:
        """The API's address."""
        return self._session.api_url

    @property
    def remaining(self) -> int | None:
        """How many calls the account has left this hour, as the API said last."""
        return self._session.remaining

    def report_to(self, report: Callable[[str], None]) -> None:
        """Say who is told what a user waits for."""
        self._session.report = report

    def describe(self) -> str:
        """Say that the key is known, and how many calls it has left; that call is not counted itself.

        Source: https://devcenter.heroku.com/articles/platform-api-reference#rate-limit (read 2026-11).
        Where they are few, a run waits for more: they come back at 75 in a minute.

        Raises:
            CredentialsError: Heroku does not know the key.
        """
        found: dict[str, Any] = self._request("ask what is left of this hour's calls", "GET", "/account/rate-limits")
        return f"{self.api_url} knows the key; {found.get('remaining')} calls of it are left"

    # Apps

    def app(self, name_or_id: str) -> App | None:
        """Return an app.

        The result is None when there is none.

        Raises:
            CredentialsError: It is there, and another account's.
        """
        found: App | None = self._request(f"look at the app {name_or_id}", "GET", f"/apps/{name_or_id}", absent=True)
        return found

    def create_app(self, name: str, region: str, team: str | None) -> App | None:
        """Create an app that takes images.

        The result is None when the name is taken.
        """
        body: dict[str, Any] = {"name": name, "region": region, "stack": "container"}
        path = "/apps" if team is None else "/teams/apps"
        try:
            made: App = self._request("create an app", "POST", path, body if team is None else {**body, "team": team})
        except MlemError as error:
            if _name_is_taken(error):
                return None
            raise
        return made

    def rename_app(self, id_: str, name: str) -> App:
        """Give an app another name.

        Raises:
            ConflictError: The name is taken.
        """
        try:
            renamed: App = self._request(f"name the app {name}", "PATCH", f"/apps/{id_}", {"name": name})
        except MlemError as error:
            if not _name_is_taken(error):
                raise
            found = self.app(id_)
            if found is None or found["name"] != name:  # else the name is taken by itself: an answer was lost
                raise ConflictError(
                    f"the name {name} is taken", code="not-ours", hint="choose another: --app_name NAME"
                ) from error
            return found
        return renamed

    def set_maintenance(self, id_: str, *, on: bool) -> None:
        """Have the router answer in an app's place with a page that asks for patience, or send requests to it again."""
        what = "begin the maintenance mode" if on else "end the maintenance mode"
        self._request(what, "PATCH", f"/apps/{id_}", {"maintenance": on})

    def delete_app(self, id_: str) -> None:
        """Delete an app with all that it has.

        That is fine when it is gone.
        """
        self._request(f"delete the app {id_}", "DELETE", f"/apps/{id_}", absent=True)

    # Config vars

    def config_vars(self, app: str) -> dict[str, str] | None:
        """Return an app's config vars.

        The result is None when the app is gone.
        """
        found: dict[str, str] | None = self._request(
            "read the config vars", "GET", f"/apps/{app}/config-vars", absent=True
        )
        return found

    def set_config_vars(self, app: str, values: Mapping[str, str | None]) -> dict[str, str]:
        """Set config vars, and remove those whose value is None.

        The dynos start again. Return all of them.
        """
        found: dict[str, str] = self._request("set the config vars", "PATCH", f"/apps/{app}/config-vars", dict(values))
        return found

    # Releases

    def newest_release(self, app: str) -> dict[str, Any]:
        """Return the newest release: ``id``, ``version``, ``status``, ``description``."""
        found = self._request("list the releases", "GET", f"/apps/{app}/releases", range_=NEWEST_FIRST)
        if not found:
            raise PlatformError(
                f"the app {app} has no release", code="no-release", hint="mlem deployment run --load NAME"
            )
        newest: dict[str, Any] = found[0]
        return newest

    def releases_since(self, app: str, version: int) -> list[dict[str, Any]]:
        """Return the releases after a version, newest first."""
        found = self._request("list the releases", "GET", f"/apps/{app}/releases", range_=LATEST)
        return [release for release in found if release["version"] > version]

    def release_image(self, app: str, image_id: str) -> None:
        """Release an image that was pushed.

        Heroku ignores one that runs already.

        Source: Heroku's support, quoted in heroku/heroku-releases-retry#11: "our API will ignore release updates of the
        same docker image" (read 2026-11).
        """
        body = {"updates": [{"type": WEB, "docker_image": image_id}]}
        self._request(
            f"release the image {image_id[:19]}", "PATCH", f"/apps/{app}/formation", body, accept=DOCKER_RELEASES
        )

    def roll_back(self, app: str, release_id: str, version: int) -> dict[str, Any]:
        """Put an earlier release back, with its config vars.

        Return the release that this makes, or that an earlier try made.

        Source: Dev Center, "Releases", section "Rolling back": the new release is called ``Rollback to v46`` (read
        2026-11).
        """
        unanswered: MlemError | None = None
        for _ in range(_ROLLBACK_ATTEMPTS):
            newest = self.newest_release(app)
            if newest["id"] == release_id or newest.get("description") == f"Rollback to v{version}":
                return newest
            try:
                what = f"roll back to v{version}"
                made: dict[str, Any] = self._request(
                    what, "POST", f"/apps/{app}/releases", {"release": release_id}, repeat=False
                )
            except (PlatformError, WaitTimeoutError) as error:
                unanswered = error
                time.sleep(pause_s("busy", 0))
            else:
                return made
        raise unanswered or AssertionError("unreachable")

    # Dynos

    def dynos(self, app: str) -> list[dict[str, Any]] | None:
        """Return the web dynos: ``name``, ``state``, ``size``, ``release``.

        The result is None when the app is gone.
        """
        found = self._request("list the dynos", "GET", f"/apps/{app}/dynos", absent=True)
        return None if found is None else [dyno for dyno in found if dyno["type"] == WEB]

    def scale(self, app: str, quantity: int, size: str) -> None:
        """Say how many web dynos of which size there are.

        Another size starts them again.
        """
        body = {"updates": [{"type": WEB, "quantity": quantity, "dyno_size": {"name": size}}]}
        self._request(f"scale to {quantity} x {size}", "PATCH", f"/apps/{app}/formation", body)

    def restart(self, app: str) -> None:
        """Start all dynos again."""
        self._request("restart the dynos", "DELETE", f"/apps/{app}/dynos")

    # Logs

    def log_session(self, app: str, lines: int, *, follow: bool) -> str:
        """Return the URL that streams the last log lines of an app, and goes on with new ones."""
        body = {"lines": lines, "tail": follow}
        return str(self._request("open a log session", "POST", f"/apps/{app}/log-sessions", body)["logplex_url"])

    def stream(self, url: str, *, follow: bool) -> Iterator[str]:
        """Yield the lines of a log session.

        The stream ends when the last line came, or when Heroku ends it.
        """
        return self._session.stream(url, follow=follow)


def _name_is_taken(error: MlemError) -> bool:
    return error.code == "heroku-refused" and "taken" in error.message
