"""`Connection`: requests to a registry, with its tokens, repeated where a connection is cut or the registry is busy."""

from __future__ import annotations

import json
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from mlem import MlemError, PlatformError
from mlem_image.registry.credentials import Credentials
from mlem_image.registry.errors import error_of

ATTEMPTS = 5
_FIRST_PAUSE_S = 0.3
_CONNECT_S, _READ_S = 10.0, 120.0
_BUSY = (408, 429, 500, 502, 503, 504)
_MOST_BYTES = 8 * 2**20
"""Answers that are read as a whole are no larger: manifests have at most 4 MiB."""
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
Body = bytes | Callable[[], Any] | None
"""What is sent: bytes, or what opens it anew for each attempt."""


class Connection:
    """Connections to one registry.

    Args:
        host: The registry.
        credentials: Who asks; None for nobody in particular.
        plain: Whether it is on this machine, and speaks HTTP where it does not speak TLS.
    """

    def __init__(self, host: str, credentials: Credentials | None, *, plain: bool) -> None:
        self.host = host
        self._credentials = credentials
        self._pool = _pool(host)
        self._base = f"http://{host}" if plain else f"https://{host}"
        self._tokens: dict[str, str] = {}

    @property
    def user(self) -> str:
        """As whom it asks, for messages; empty for nobody in particular."""
        if self._credentials is None:
            return ""
        return self._credentials.username or "the owner of an identity token"

    def request(
        self,
        method: str,
        path: str,
        what: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        expect: tuple[int, ...] = (200,),
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request, and read the answer.

        Args:
            method: The method.
            path: The path, or a whole URL that the registry gave.
            what: What it is for, in messages.
            scope: What the token has to allow: ``repository:team/iris:pull,push``.
            headers: Headers.
            body: What is sent.
            expect: The statuses that are no error.

        Returns:
            Status, headers and body.

        Raises:
            MlemError: The registry refuses, or can't be reached.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                with self._answer(method, path, what, scope, headers or {}, body) as answer:
                    content = _read(answer, what)
                    if answer.status in expect:
                        return answer.status, answer.headers, content
                    error = error_of(answer.status, content, what, self.host, self.user)
                    if answer.status not in _BUSY or attempt == ATTEMPTS:
                        raise error
                    pause_s = _pause_s(attempt, answer.headers.get("retry-after"))
            except (HTTPError, OSError) as cause:
                if attempt == ATTEMPTS or isinstance(cause, SSLError):
                    raise unreachable(self.host, what, cause) from cause
                pause_s = _pause_s(attempt, None)
            time.sleep(pause_s)
        raise AssertionError("the last attempt returns or raises")

    def request_once(
        self,
        method: str,
        path: str,
        what: str,
        *,
        scope: str,
        headers: Mapping[str, str],
        body: Any,
        expect: tuple[int, ...],
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Send a request whose body can be read once; see `request`, but errors of the network are raised as they are.

        Raises:
            HTTPError: The connection was cut, or the registry is busy: what was sent may have arrived in part.
            MlemError: The registry refuses.
        """
        with self._answer(method, path, what, scope, headers, body) as answer:
            content = _read(answer, what)
            if answer.status in expect:
                return answer.status, answer.headers, content
            if answer.status in _BUSY:
                raise HTTPError(f"the registry says {answer.status}")
            raise error_of(answer.status, content, what, self.host, self.user)

    @contextmanager
    def stream(self, path: str, what: str, *, scope: str, offset: int = 0) -> Iterator[Any]:
        """Return a context with an answer whose body is read by and by; its errors are those of the network.

        Args:
            path: The path.
            what: What it is for, in messages.
            scope: What the token has to allow.
            offset: Where to begin, in bytes.

        Raises:
            MlemError: The registry refuses.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        with self._answer("GET", path, what, scope, headers, None) as answer:
            if answer.status not in ((206,) if offset else (200,)):
                raise error_of(answer.status, _read(answer, what), what, self.host, self.user)
            yield answer

    @contextmanager
    def _answer(
        self, method: str, path: str, what: str, scope: str, headers: Mapping[str, str], body: Body
    ) -> Iterator[Any]:
        answer = self._send(method, path, headers, scope, body)
        try:
            if answer.status == 401 and "www-authenticate" in answer.headers:
                challenge = answer.headers["www-authenticate"]
                answer.drain_conn()
                answer.release_conn()
                self._log_in(challenge, scope, what)
                if body is not None and not isinstance(body, bytes) and not callable(body):
                    raise HTTPError("the login has expired while a layer was sent")  # its content is used up
                answer = self._send(method, path, headers, scope, body)
            yield answer
        finally:
            answer.close()

    def _send(self, method: str, path: str, headers: Mapping[str, str], scope: str, body: Body) -> Any:
        url = urljoin(self._base, path)
        sent = {"User-Agent": "mlem-image", **headers}
        if urlsplit(url).netloc == urlsplit(self._base).netloc and scope in self._tokens:
            sent["Authorization"] = self._tokens[scope]  # and to nobody else: uploads may go to a store of its own
        content = body() if callable(body) else body
        answer = self._pool.request(
            method, url, headers=sent, body=content, preload_content=False, redirect=False, retries=False
        )
        # layers are often in a store of its own; its address needs no token, and must not get one
        for _ in range(5):
            if answer.status not in (301, 302, 303, 307, 308) or method not in ("GET", "HEAD"):
                break
            target = urljoin(url, answer.headers.get("location", ""))
            answer.drain_conn()
            answer.release_conn()
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
                raise PlatformError(f"{self.host} sends on to an address without TLS", code="registry")
            same = urlsplit(target).netloc == urlsplit(url).netloc
            url, sent = target, {k: v for k, v in sent.items() if same or k != "Authorization"}
            answer = self._pool.request(method, url, headers=sent, preload_content=False, redirect=False, retries=False)
        return answer

    def _log_in(self, challenge: str, scope: str, what: str) -> None:
        """Get what the registry asks for: a token of its service, or name and password.

        Source: https://distribution.github.io/distribution/spec/auth/token/ (read 2026-11).
        """
        kind, _, rest = challenge.partition(" ")
        if kind.lower() == "basic":
            if self._credentials is None:
                raise error_of(401, b"", what, self.host, "")
            self._tokens[scope] = self._credentials.basic
            return
        parameters = dict(_PARAMETER.findall(rest))
        realm = parameters.get("realm", "")
        if kind.lower() != "bearer" or urlsplit(realm).scheme not in ("http", "https"):
            raise PlatformError(f"{self.host} asks for a login that is not known: {kind[:40]}", code="registry")
        if urlsplit(realm).scheme == "http" and self._base.startswith("https:"):
            raise PlatformError(f"{self.host} sends logins to an address without TLS", code="registry")
        query = {"service": parameters.get("service", ""), "scope": scope}
        credentials, headers = self._credentials, {"User-Agent": "mlem-image"}
        if credentials is not None and credentials.identity_token is not None:
            fields = {
                **query,
                "grant_type": "refresh_token",
                "client_id": "mlem",
                "refresh_token": credentials.identity_token.get_secret_value(),
            }
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            answer = self._pool.request("POST", realm, headers=headers, body=urlencode(fields), retries=False)
        else:
            if credentials is not None:
                headers["Authorization"] = credentials.basic
            answer = self._pool.request(
                "GET", f"{realm}?{urlencode(query)}", headers=headers, redirect=False, retries=False
            )
        if answer.status != 200:
            raise error_of(answer.status, answer.data[:_MOST_BYTES], what, self.host, self.user)
        try:
            found = json.loads(answer.data)
            token = found.get("token") or found["access_token"]
        except (ValueError, KeyError, AttributeError) as error:
            raise PlatformError(f"the login of {self.host} gives no token", code="registry") from error
        self._tokens[scope] = f"Bearer {token}"


def unreachable(host: str, what: str, cause: Exception) -> MlemError:
    """Return the error for a registry that can't be reached, or whose connections break."""
    reason = getattr(cause, "reason", None) or cause
    if isinstance(cause, SSLError) or isinstance(reason, ssl.SSLError):
        return PlatformError(
            f"can't {what}: the certificate of {host} is not one that this machine trusts: {reason}",
            code="tls",
            hint="SSL_CERT_FILE names the certificates to trust",
        )
    return PlatformError(
        f"can't {what}: {host} can't be reached: {type(reason).__name__}: {reason}",
        code="unreachable",
        hint="is there a network? a proxy: HTTPS_PROXY",
    )


def _pool(host: str) -> Any:
    import os

    options: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
        "maxsize": 4,
        "ssl_context": ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or None),
    }
    from urllib.request import getproxies, proxy_bypass

    name = host.rpartition(":")[0] or host
    proxy = getproxies().get("https") or getproxies().get("all")
    if proxy and not proxy_bypass(name) and not name.startswith("127.") and name != "localhost":
        return urllib3.ProxyManager(proxy if "://" in proxy else f"http://{proxy}", **options)
    return urllib3.PoolManager(**options)


def _read(answer: Any, what: str) -> bytes:
    content = bytes(answer.read(_MOST_BYTES + 1))
    if len(content) > _MOST_BYTES:
        raise PlatformError(f"can't {what}: the registry's answer is too large", code="registry")
    return content


def _pause_s(attempt: int, retry_after: str | None) -> float:
    if retry_after is not None and retry_after.isdigit():
        return min(float(retry_after), 30.0)
    return float(_FIRST_PAUSE_S * 2 ** (attempt - 1) * (0.5 + random.random()))  # noqa: S311  # no secret
