"""`Connection`: requests to a registry, with its tokens, repeated where a connection is cut or the registry is busy."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from urllib3.exceptions import HTTPError

from mlem import PlatformError
from mlem.provider import proxy_for
from mlem_image.registry.answers import Answers, read_whole
from mlem_image.registry.attempts import Attempts, Interrupted, Wait
from mlem_image.registry.credentials import Credentials
from mlem_image.registry.tokens import AGENT, Tokens

_CONNECT_S, _READ_S = 10.0, 120.0
_MOVED = (301, 302, 303, 307, 308)
_MOST_MOVES = 5
Answer = tuple[int, Mapping[str, str], bytes]
"""Status, headers and body."""


class Connection:
    """Connections to one registry.

    Args:
        host: The registry.
        credentials: Who asks; None for nobody in particular.
        plain: Whether it is on this machine, and speaks HTTP.
        wait: Waits between attempts.
    """

    def __init__(self, host: str, credentials: Credentials | None, *, plain: bool, wait: Wait = time.sleep) -> None:
        self.host = host
        self._wait = wait
        self._pool = _pool(host)
        self._base = f"http://{host}" if plain else f"https://{host}"
        self._answers = Answers(host, credentials)
        self._tokens = Tokens(host, credentials, self._pool, self._answers, plain=plain)

    def attempts(self) -> Attempts:
        """Return the attempts at something that takes more than one request."""
        return Attempts(self._wait)

    def request(self, method: str, path: str, what: str, **options: Any) -> Answer:
        """Send a request, and read the answer; see `answer`, but it is repeated.

        Raises:
            MlemError: The registry refuses, can't be reached, or stays busy.
        """
        attempts = self.attempts()
        while True:
            try:
                return self.request_once(method, path, what, **options)
            except Interrupted as cause:
                attempts.failed(cause)

    def request_once(self, method: str, path: str, what: str, **options: Any) -> Answer:
        """Send a request, and read the answer; see `answer`."""
        with self.answer(method, path, what, **options) as answer:
            return answer.status, answer.headers, read_whole(answer, what)

    @contextmanager
    def answer(
        self,
        method: str,
        path: str,
        what: str,
        *,
        scope: str,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        expect: tuple[int, ...] = (200,),
    ) -> Iterator[Any]:
        """Return a context with an answer whose body is not read yet.

        Args:
            method: The method.
            path: The path, or a whole URL that the registry gave.
            what: What it is for, in messages.
            scope: What the token has to allow: ``repository:team/iris:pull,push``.
            headers: Headers.
            body: What is sent: bytes, or a file that is read once.
            expect: The statuses that are no error.

        Raises:
            Interrupted: The connection was cut, or the registry is busy: what was sent may have arrived in part.
            MlemError: The registry refuses.
        """
        try:
            with self._answer(method, self._url(path), what, scope, headers or {}, body) as answer:
                if answer.status not in expect:
                    raise self._answers.error_of(answer, what)
                yield answer
        except (HTTPError, OSError) as cause:
            raise self._answers.interrupted(cause, what) from cause

    @contextmanager
    def _answer(
        self, method: str, url: str, what: str, scope: str, headers: Mapping[str, str], body: Any
    ) -> Iterator[Any]:
        answer, own = self._send(method, url, headers, scope, body)
        try:
            # a store that layers are in asks in vain: the user's credentials are for the registry
            if answer.status == 401 and own and "www-authenticate" in answer.headers:
                challenge = answer.headers["www-authenticate"]
                answer.close()
                self._tokens.renew(challenge, scope, what)
                if body is not None and not isinstance(body, bytes):
                    raise HTTPError("the login has expired while a layer was sent")  # its content is used up
                answer, _ = self._send(method, url, headers, scope, body)
            yield answer
        finally:
            answer.close()

    def _send(self, method: str, url: str, headers: Mapping[str, str], scope: str, body: Any) -> tuple[Any, bool]:
        """Send a request; return the answer, and whether it is the registry's own."""
        own = self._is_own(url)
        for _ in range(_MOST_MOVES):
            sent = {**AGENT, **headers, **(self._tokens.headers(scope) if own else {})}
            answer = self._pool.request(
                method, url, headers=sent, body=body, preload_content=False, decode_content=False, redirect=False,
                retries=False,
            )  # fmt: skip
            if answer.status not in _MOVED or method not in ("GET", "HEAD"):
                return answer, own
            target = answer.headers.get("location", "")
            answer.close()
            url = self._url(target, url)
            own = own and self._is_own(url)
        raise PlatformError(f"{self.host} sends on and on", code="registry")

    def _is_own(self, url: str) -> bool:
        return urlsplit(url)[:2] == urlsplit(self._base)[:2]

    def _url(self, path: str, before: str = "") -> str:
        """Return a whole address, if what it leads to can't be read on the way."""
        try:
            url = urljoin(before or self._base, path)
            parts = urlsplit(url)
        except ValueError as error:
            raise PlatformError(f"{self.host} gives an address that is none", code="registry") from error
        if parts.scheme not in ("http", "https") or not parts.netloc or not url.isprintable():
            raise PlatformError(f"{self.host} gives an address that is none", code="registry")
        if parts.scheme == "http" and (before or self._base).startswith("https:"):
            raise PlatformError(f"{self.host} sends on to an address without TLS", code="registry")
        return url


def _pool(host: str) -> Any:
    options: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
        "maxsize": 4,
        "ssl_context": ssl.create_default_context(cafile=os.environ.get("SSL_CERT_FILE") or None),
    }
    proxy = urlsplit(proxy_for(f"https://{host}/") or "")
    if not proxy.netloc:
        return urllib3.PoolManager(**options)
    who, _, address = proxy.netloc.rpartition("@")
    headers = urllib3.make_headers(proxy_basic_auth=unquote(who)) if who else None
    return urllib3.ProxyManager(f"{proxy.scheme}://{address}", proxy_headers=headers, **options)
