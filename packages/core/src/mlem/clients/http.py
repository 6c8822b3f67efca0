"""`HttpClient`: calls a model that ``mlem-server`` serves."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any, ClassVar
from urllib.parse import quote, urlsplit

from pydantic import Field, PrivateAttr, field_validator, model_validator

from mlem.answer_headers import hear
from mlem.client import Client
from mlem.clients.answers import Answer, check, not_a_server
from mlem.clients.lines import MEDIA_TYPE, Lines
from mlem.errors import CredentialsError, PlatformError, WaitTimeoutError
from mlem.fields import Unit
from mlem.process_local import ProcessLocal

if TYPE_CHECKING:
    import urllib3

    from mlem.interface import Interface

TOKEN_VARIABLE = "MLEM_TOKEN"  # noqa: S105  # the name of a variable
JSON = "application/json"
CONNECT_TIMEOUT_S = 5.0
ATTEMPTS = 3
PAUSE_S = 0.2
_SEEN = ("timed-out", "stopping")
"""Refusals of calls that the model may be at: the same again would only keep it longer."""


class HttpClient(Client):
    """Calls a model over HTTP; certificates are verified where the URL is https.

    A bearer token is read from the environment variable ``MLEM_TOKEN`` at each call; it is no field, so it reaches no file and no
    message. A call is repeated only where the model can't have seen it: the connection was not established, or the server
    answered 503 with ``Retry-After`` before the model was asked.

    Threads share its connections. A process that was forked opens its own, and so does a copy, or what a pickle brings back.
    """

    type: ClassVar[str] = "http"

    url: str = Field(description="where the server is: http://host:8080")
    timeout_s: Annotated[float, Field(gt=0, le=86400), Unit("s")] = Field(
        default=30.0, description="how long a call may take, repeats included"
    )

    _pool: ProcessLocal[urllib3.PoolManager] = PrivateAttr(default_factory=lambda: ProcessLocal(_connections))

    @model_validator(mode="before")
    @classmethod
    def _from_04(cls, data: Any) -> Any:
        """Accept host and port, as files of MLEM 0.4 have them."""
        if not isinstance(data, Mapping) or "url" in data or not {"host", "port"} & data.keys():
            return data
        fields = dict(data)
        host, port = str(fields.pop("host", "0.0.0.0")), fields.pop("port", 8080)  # noqa: S104  # the defaults of MLEM 0.4
        base = host if "://" in host else f"http://{host}"
        return {**fields, "url": base if port is None else f"{base}:{port}"}

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment
            _ = parts.port  # raises where it is no number
        except ValueError:
            usable = False
        if not usable:
            raise ValueError('expected a URL like "http://host:8080"')
        if parts.username is not None:
            raise ValueError(f"expected a URL without credentials; set {TOKEN_VARIABLE} instead")
        return url.rstrip("/")

    def fetch_interface(self) -> Interface:
        """Ask the server for its interface.

        Raises:
            MlemError: See `mlem.clients.answers.check`.
        """
        from mlem.interface import Interface

        return Interface.parse(check(self._request("GET", "/interface.json", None), self.url), self.url)

    def call_encoded(self, method: str, payload: Mapping[str, Any]) -> Any:
        """Call a method with encoded arguments.

        Raises:
            MlemError: See `mlem.clients.answers.check`.
        """
        body = json.dumps(payload, separators=(",", ":")).encode()
        return check(self._request("POST", f"/{quote(method, safe='')}", body), self.url)

    def call_stream(self, method: str, payload: Mapping[str, Any]) -> Iterator[Any]:
        """Call a method that answers item by item; see `Client.call_stream`. ``timeout_s`` is for the first item, and again for each next.

        Raises:
            MlemError: See `mlem.clients.answers.check`.
        """
        body = json.dumps(payload, separators=(",", ":")).encode()
        answer = self._request("POST", f"/{quote(method, safe='')}", body, accept=f"{MEDIA_TYPE}, {JSON};q=0.5", whole=False)
        if answer.response is not None:
            return Lines(answer.response, self.url, lambda: self._translated(self.timeout_s))
        found = check(answer, self.url)  # of a server or a proxy that gives everything at once
        return iter(found if isinstance(found, list) else [found])

    def call_binary(self, method: str, body: bytes, media_type: str, accept: str) -> tuple[bytes, str]:
        """Call a method with its only argument in a binary format; see `Client.call_binary`.

        Raises:
            MlemError: See `mlem.clients.answers.check`.
        """
        answer = self._request("POST", f"/{quote(method, safe='')}", body, media_type, accept)
        answered_as = answer.content_type.partition(";")[0].strip()
        if answer.status != 200 or answered_as not in (JSON, *self.formats):
            check(answer, self.url)
            raise not_a_server(self.url, f"it answers with {answered_as or 'no content type'}")
        return answer.body, answered_as

    @property
    def formats(self) -> tuple[str, ...]:
        """What the server says that it reads; see `Client.formats`."""
        return self.interface.formats

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        pool = self._pool.take()
        if pool is not None:
            pool.clear()

    def _request(
        self, verb: str, path: str, body: bytes | None, media_type: str = JSON, accept: str = JSON, *, whole: bool = True
    ) -> Answer:
        deadline = time.monotonic() + self.timeout_s
        attempt = 0
        while True:
            attempt += 1
            pause_s: float | None
            try:
                answer = self._once(verb, path, body, _headers(body, media_type, accept), deadline - time.monotonic(), whole=whole)
            except PlatformError as error:
                pause_s = PAUSE_S if error.code == "unreachable" or (verb == "GET" and error.code == "connection-lost") else None
                if pause_s is None or attempt == ATTEMPTS or time.monotonic() + pause_s >= deadline:
                    raise
            else:
                unseen = answer.status == 503 and answer.error().get("code") not in _SEEN
                pause_s = answer.retry_after_s if unseen else None
                if pause_s is None or attempt == ATTEMPTS or time.monotonic() + pause_s >= deadline:
                    return answer
            time.sleep(pause_s)

    def _once(self, verb: str, path: str, body: bytes | None, headers: dict[str, str], timeout_s: float, *, whole: bool) -> Answer:
        import urllib3

        timeout = urllib3.Timeout(connect=min(CONNECT_TIMEOUT_S, timeout_s), total=timeout_s)
        with self._translated(timeout_s):
            response = self._pool.get().request(
                verb, f"{self.url}{path}", body=body, headers=headers, timeout=timeout, retries=False, redirect=False, preload_content=whole
            )
            hear(response.headers)
            content_type, retry_after = response.headers.get("content-type", ""), response.headers.get("retry-after")
            if not whole and response.status == 200 and content_type.partition(";")[0].strip() == MEDIA_TYPE:
                return Answer(response.status, content_type, retry_after, b"", response)
            return Answer(response.status, content_type, retry_after, response.data)

    @contextmanager
    def _translated(self, timeout_s: float) -> Iterator[None]:
        """Raise our errors for those of urllib3."""
        from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, SSLError, TimeoutError

        try:
            yield
        except NewConnectionError as error:
            message = f"{self.url} can't be reached: {_reason(error)}"
            raise PlatformError(message, code="unreachable", hint="mlem deployment status NAME") from error
        except (ConnectTimeoutError, TimeoutError) as error:
            where = "no connection to" if isinstance(error, ConnectTimeoutError) else "no answer from"
            raise WaitTimeoutError(f"{where} {self.url} within {timeout_s:.3g} s", hint="give it more time: timeout_s") from error
        except SSLError as error:
            raise PlatformError(f"{self.url}: the TLS connection failed: {_reason(error)}", code="tls") from error
        except HTTPError as error:
            raise PlatformError(f"{self.url}: the connection was lost: {_reason(error)}", code="connection-lost") from error


def _connections() -> urllib3.PoolManager:
    import urllib3

    return urllib3.PoolManager(num_pools=1, maxsize=10)


def _headers(body: bytes | None, media_type: str, accept: str) -> dict[str, str]:
    headers = {"accept": accept}
    if body is not None:
        headers["content-type"] = media_type
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if token and not (token.isascii() and token.isprintable()):
        message = f"{TOKEN_VARIABLE} has a character that does not fit into a header"
        raise CredentialsError(message, hint=f"set {TOKEN_VARIABLE} to one token")
    if token:
        headers["authorization"] = f"Bearer {token}"
    return headers


def _reason(error: BaseException) -> str:
    """Return what the operating system or the TLS library said: urllib3 wraps it into a text with addresses of objects."""
    cause = error.__cause__ or error.__context__ or error
    return getattr(cause, "strerror", None) or str(cause)
