"""The session with Heroku's Platform API: requests, their repeats, the rate limit.

The only module that imports the SDK, late.

heroku3 brings the session with its headers. Its resource objects are not used: see docs/decisions/0030.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlem import MlemError, NotFoundError, PlatformError
from mlem.provider import backoff_s
from mlem_provider_heroku.api.errors import no_answer, translate

if TYPE_CHECKING:
    import requests

AGENT = "mlem-provider-heroku"
"""What the provider calls itself in its requests, as Heroku asks of clients. Source: Dev Center, "Platform API
Reference", section "Clients" (read 2026-11)."""

_CONNECT_TIMEOUT_S = 10.0
_SILENCE_S = 900.0
_ATTEMPTS = {"timeout": 2, "busy": 5, "limit": 7}
_PAUSE_S = {"timeout": 0.1, "busy": 0.2, "limit": 0.5}
_LONGEST_PAUSE_S = 30.0
_FEW_CALLS = 100


class ApiSession:
    """Sends requests.

    One that got no answer, or a passing failure for one, is repeated.

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
        # from_key would spend a call on a check whose result it throws away; without it the key is checked by the first
        # call
        heroku3.api.Heroku(session=session)
        session.headers["User-Agent"] = AGENT
        # given explicitly, no netrc entry of the host takes its place
        session.auth = ("", self._key)
        return session

    def request(
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
        """Send a request until it is answered.

        Args:
            what: What is being done, for messages: ``create an app``.
            method: The HTTP method.
            path: The path.
            body: The body, as JSON.
            accept: The variant of the API, where it is not the usual one.
            range_: Which part of a list.
            absent: Whether None is the answer where there is nothing.
            repeat: Whether it may be served twice.

        Returns:
            The answer's JSON.

        Raises:
            MlemError: The API refused, or did not answer; see `mlem_provider_heroku.api.errors`.
        """
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
            wait_s = pause_s(kind, attempt - 1)
            if kind == "limit":
                self.report(f"Heroku's rate limit is reached: waiting {wait_s:.1f} s")
            time.sleep(wait_s)

    def stream(self, url: str, *, follow: bool) -> Iterator[str]:
        """Yield the lines of a log session.

        The stream ends when the last line came, or when Heroku ends it.
        """
        import requests

        timeout = (_CONNECT_TIMEOUT_S, _SILENCE_S if follow else self._timeout_s)
        try:
            # another host, and the URL is the credential: the key must not go there
            with requests.get(url, stream=True, timeout=timeout) as response:
                if response.status_code != 200:
                    raise translate("read the logs", response.status_code, "", "there is no such log session")
                response.encoding = "utf-8"
                yield from response.iter_lines(chunk_size=1 if follow else 8192, decode_unicode=True)
        except requests.RequestException as error:
            if not follow:
                raise _unanswered("read the logs", "the log session", error)[0] from error

    def _once(
        self, what: str, method: str, path: str, body: Any, headers: Mapping[str, str]
    ) -> tuple[requests.Response | None, MlemError, str | None]:
        """Send a request once.

        Return the answer, or else the error and in which way it may pass.
        """
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
        except requests.RequestException as error:
            return None, *_unanswered(what, self.api_url, error)
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


def pause_s(kind: str, attempt: int) -> float:
    """Return how long to wait before another attempt.

    Args:
        kind: What failed: ``timeout``, ``busy`` or ``limit``.
        attempt: How many came before, from 0.
    """
    return backoff_s(attempt, first_s=_PAUSE_S[kind], longest_s=_LONGEST_PAUSE_S, jitter=0.5)


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


def _unanswered(what: str, where: str, error: requests.RequestException) -> tuple[MlemError, str | None]:
    """Return our error for a request without an answer, and in which way it may pass.

    The library's text may have the request in it.
    """
    import requests

    if isinstance(error, requests.Timeout):
        return _caused(no_answer(what, where, "timeout"), error), "timeout"
    if isinstance(error, requests.exceptions.SSLError):
        return _caused(no_answer(what, where, "tls"), error), None
    return _caused(no_answer(what, where, "connection", _reason(error)), error), "busy"


def _reason(error: BaseException) -> str:
    """Return what the operating system said, from under what the libraries put around it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        reason = getattr(seen, "reason", None) or next(
            (arg for arg in seen.args if isinstance(arg, BaseException)), None
        )
        seen = reason if isinstance(reason, BaseException) else seen.__cause__
    return type(error).__name__
