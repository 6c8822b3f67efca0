"""Heroku's Platform API through heroku3's session: plain data in and out, errors in our words. The only module that imports the SDK, late.

heroku3 brings the session, its headers and the way to log in. Its resource objects are not used: see docs/decisions/0030.
"""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlem.errors import ConflictError, MlemError, NotFoundError, PlatformError, WaitTimeoutError
from mlem_provider_heroku.credentials import api_key
from mlem_provider_heroku.errors import translate, unreachable

if TYPE_CHECKING:
    import requests

    from mlem_provider_heroku.env import HerokuEnv

DOCKER_RELEASES = "application/vnd.heroku+json; version=3.docker-releases"
"""The variant of the API that takes images. Source: Dev Center, "Container Registry & Runtime", section "Releasing an image",
part "API" (read 2026-11)."""

NEWEST_FIRST = "version ..; order=desc,max=1"
WEB = "web"
_CONNECT_TIMEOUT_S = 10.0
_SILENCE_S = 900.0
_ATTEMPTS = {"timeout": 2, "busy": 5, "limit": 7}
_PAUSE_S = {"timeout": 0.1, "busy": 0.2, "limit": 0.5}
_LONGEST_PAUSE_S = 30.0
_FEW_CALLS = 100

App = dict[str, Any]


def connect(env: HerokuEnv, api_url: str | None = None) -> Heroku:
    """Return the API of an env; one session for each address and key.

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
    return Heroku(api_url, key, timeout_s)


class Heroku:
    """Heroku's Platform API.

    A request that got no answer, or a passing failure for one, is repeated: each of them means the same when it is served twice. What
    does not (`roll_back`) looks before it asks again.

    Args:
        api_url: The API's address.
        key: The API key.
        timeout_s: How long to wait for one answer.

    Attributes:
        calls: How many requests were sent.
        remaining: How many the account has left this hour, as the API said last.
        report: Called with what a user waits for.
    """

    def __init__(self, api_url: str, key: str, timeout_s: float) -> None:
        self.api_url = api_url
        self.calls = 0
        self.remaining: int | None = None
        self.report: Callable[[str], None] = lambda _line: None
        self._key = key
        self._timeout_s = timeout_s

    @functools.cached_property
    def _session(self) -> requests.Session:
        import heroku3.api
        import requests

        session = requests.Session()
        # from_key would spend a call on a check whose result it throws away; without it the key is checked by the first call
        heroku3.api.Heroku(session=session)
        # given explicitly, no netrc entry of the host takes its place
        session.auth = ("", self._key)
        return session

    # Apps

    def app(self, name_or_id: str) -> App | None:
        """Return an app; None when there is none.

        Raises:
            CredentialsError: It is there, and another account's.
        """
        found: App | None = self._request(f"look at the app {name_or_id}", "GET", f"/apps/{name_or_id}", absent=True)
        return found

    def create_app(self, name: str, region: str, team: str | None) -> App | None:
        """Create an app that takes images; None when the name is taken."""
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
                raise ConflictError(f"the name {name} is taken", code="not-ours", hint="choose another: --app_name NAME") from error
            return found
        return renamed

    def delete_app(self, id_: str) -> None:
        """Delete an app with all that it has; fine when it is gone."""
        self._request(f"delete the app {id_}", "DELETE", f"/apps/{id_}", absent=True)

    # Config vars

    def config_vars(self, app: str) -> dict[str, str] | None:
        """Return an app's config vars; None when the app is gone."""
        found: dict[str, str] | None = self._request("read the config vars", "GET", f"/apps/{app}/config-vars", absent=True)
        return found

    def set_config_vars(self, app: str, values: Mapping[str, str | None]) -> dict[str, str]:
        """Set config vars, and remove those whose value is None; the dynos start again. Return all of them."""
        found: dict[str, str] = self._request("set the config vars", "PATCH", f"/apps/{app}/config-vars", dict(values))
        return found

    # Releases

    def newest_release(self, app: str) -> dict[str, Any]:
        """Return the newest release: ``id``, ``version``, ``status``, ``description``."""
        found = self._request("list the releases", "GET", f"/apps/{app}/releases", range_=NEWEST_FIRST)
        if not found:
            raise PlatformError(f"the app {app} has no release", code="no-release", hint="mlem deployment run --load NAME")
        newest: dict[str, Any] = found[0]
        return newest

    def release_image(self, app: str, image_id: str) -> None:
        """Release an image that was pushed; Heroku ignores one that runs already.

        Source: Heroku's support, quoted in heroku/heroku-releases-retry#11: "our API will ignore release updates of the same docker
        image" (read 2026-11).
        """
        body = {"updates": [{"type": WEB, "docker_image": image_id}]}
        self._request(f"release the image {image_id[:19]}", "PATCH", f"/apps/{app}/formation", body, accept=DOCKER_RELEASES)

    def roll_back(self, app: str, release_id: str, version: int) -> dict[str, Any]:
        """Put an earlier release back, with its config vars; return the release that this makes, or that an earlier try made.

        Source: Dev Center, "Releases", section "Rolling back": the new release is called ``Rollback to v46`` (read 2026-11).
        """
        unanswered: MlemError | None = None
        for _ in range(_ATTEMPTS["busy"]):
            newest = self.newest_release(app)
            if newest["id"] == release_id or newest.get("description") == f"Rollback to v{version}":
                return newest
            try:
                what = f"roll back to v{version}"
                made: dict[str, Any] = self._request(what, "POST", f"/apps/{app}/releases", {"release": release_id}, repeat=False)
            except (PlatformError, WaitTimeoutError) as error:
                unanswered = error
                time.sleep(_pause_s("busy", 0))
            else:
                return made
        raise unanswered or AssertionError("unreachable")

    # Dynos

    def dynos(self, app: str) -> list[dict[str, Any]] | None:
        """Return the web dynos: ``name``, ``state``, ``size``, ``release``; None when the app is gone."""
        found = self._request("list the dynos", "GET", f"/apps/{app}/dynos", absent=True)
        return None if found is None else [dyno for dyno in found if dyno["type"] == WEB]

    def scale(self, app: str, quantity: int, size: str) -> None:
        """Say how many web dynos of which size there are; another size starts them again."""
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
        """Yield the lines of a log session; the stream ends when the last line came, or when Heroku ends it."""
        import requests

        timeout = (_CONNECT_TIMEOUT_S, _SILENCE_S if follow else self._timeout_s)
        try:
            # another host, and the URL is the credential: the key must not go there
            with requests.get(url, stream=True, timeout=timeout) as response:
                if response.status_code != 200:
                    raise translate("read the logs", response.status_code, "", "the log session is not there")
                response.encoding = "utf-8"
                yield from response.iter_lines(chunk_size=1 if follow else 8192, decode_unicode=True)
        except requests.RequestException as error:
            if not follow:
                raise unreachable("read the logs", "the log session", error) from error

    # All of them

    def _request(
        self,
        what: str,
        method: str,
        path: str,
        body: Any = None,
        *,
        accept: str | None = None,
        range_: str | None = None,
        absent: bool = False,
        repeat: bool = True,
    ) -> Any:
        headers = {name: value for name, value in (("Accept", accept), ("Range", range_)) if value}
        attempt = 0
        while True:
            attempt += 1
            answer, failure, kind = self._once(what, method, path, body, headers)
            if answer is not None:
                return answer.json()
            if absent and isinstance(failure, NotFoundError):
                return None
            # a refusal for the rate limit was not served: it can be repeated in any case
            if kind is None or attempt > _ATTEMPTS[kind] or not (repeat or kind == "limit"):
                raise failure
            pause_s = _pause_s(kind, attempt - 1)
            if kind == "limit":
                self.report(f"Heroku's rate limit is reached: waiting {pause_s:.0f} s")
            time.sleep(pause_s)

    def _once(
        self, what: str, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[requests.Response | None, MlemError, str | None]:
        """Send a request once; return the answer, or else the error and in which way it may pass."""
        import requests

        self.calls += 1
        nothing = PlatformError(f"can't {what}")
        try:
            answer = self._session.request(
                method,
                f"{self.api_url}{path}",
                json=body,
                headers=dict(headers),
                timeout=(min(_CONNECT_TIMEOUT_S, self._timeout_s), self._timeout_s),
                allow_redirects=False,
            )
        except requests.Timeout as error:
            return None, _caused(unreachable(what, self.api_url, error), error), "timeout"
        except requests.exceptions.SSLError as error:
            return None, _caused(unreachable(what, self.api_url, error), error), None
        except requests.RequestException as error:
            return None, _caused(unreachable(what, self.api_url, error), error), "busy"
        self._count(answer.headers.get("RateLimit-Remaining"))
        if answer.status_code < 300:
            try:
                answer.json()
            except ValueError as error:
                no_api = PlatformError(f"can't {what}: {self.api_url} does not answer in JSON", code="heroku-refused")
                return None, _caused(no_api, error), None
            return answer, nothing, None
        id_, message = _said(answer)
        kind = "limit" if answer.status_code == 429 else "busy" if answer.status_code >= 500 else None
        return None, translate(what, answer.status_code, id_, message), kind

    def _count(self, remaining: str | None) -> None:
        if remaining is None or not remaining.isdigit():
            return
        before, self.remaining = self.remaining, int(remaining)
        if self.remaining < _FEW_CALLS and (before is None or before >= _FEW_CALLS):
            self.report(f"Heroku's rate limit: {self.remaining} calls are left")


def _pause_s(kind: str, attempt: int) -> float:
    """Return how long to wait before another attempt: doubled each time, half of it by chance, since others were refused too."""
    longest = min(_LONGEST_PAUSE_S, _PAUSE_S[kind] * 2**attempt)
    return random.uniform(longest / 2, longest)  # noqa: S311  # spreads load, guards nothing


def _said(answer: requests.Response) -> tuple[str, str]:
    try:
        body = answer.json()
    except ValueError:
        return "", answer.reason or ""
    if not isinstance(body, dict):
        return "", answer.reason or ""
    return str(body.get("id") or ""), str(body.get("message") or answer.reason or "")


def _caused(error: MlemError, cause: BaseException) -> MlemError:
    error.__cause__ = cause
    return error


def _name_is_taken(error: MlemError) -> bool:
    return error.code == "heroku-refused" and "taken" in error.message
