"""Nimbus's API: what a deployment asks of it, as methods; plain data in and out."""

from __future__ import annotations

import functools
import json
import os
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from mlem import CredentialsError, PlatformError
from mlem.provider import backoff_s, proxy_for

from mlem_provider_nimbus.env import TOKEN_VARIABLE
from mlem_provider_nimbus.errors import BUSY, translate

if TYPE_CHECKING:
    import urllib3

    from mlem_provider_nimbus.env import NimbusEnv

_ATTEMPTS = 4
Found = dict[str, Any]


class Nimbus:
    """The API with a token. Each call means the same when it is served twice, so that it may be repeated.

    Args:
        url: Its address.
        token: Who asks.
        timeout_s: How long one call may take.
    """

    def __init__(self, url: str, token: str, timeout_s: float) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._pool = _pool(url, timeout_s)

    @classmethod
    def of(cls, env: NimbusEnv) -> Nimbus:
        """Return the API of an env; there is one for each address and token.

        Raises:
            CredentialsError: There is no token.
        """
        token = os.environ.get(TOKEN_VARIABLE, "")
        if not token:
            raise CredentialsError(f"{TOKEN_VARIABLE} is not set", hint=f"export {TOKEN_VARIABLE}=...")
        return _connected(env.url, token, env.timeout_s)

    def account(self) -> str:
        """Return whose the token is."""
        return str(self._ask("ask whose the token is", "GET", "/account")["name"])

    def bundles(self, label: str) -> list[str]:
        """Return the ids of the bundles with a label."""
        return list(self._ask("list the bundles", "GET", f"/bundles?label={quote(label)}")["ids"])

    def has_bundle(self, id_: str) -> bool:
        """Whether there is a bundle."""
        return self._find(f"look at the bundle {id_[:12]}", "GET", f"/bundles/{id_}") is not None

    def upload(self, id_: str, label: str, content: bytes) -> None:
        """Upload a bundle, which never changes; one that is there stays."""
        what = f"upload the bundle {id_[:12]}"
        self._ask(what, "PUT", f"/bundles/{id_}?label={quote(label)}", content)

    def delete_bundle(self, id_: str) -> None:
        """Delete a bundle; that is fine when it is gone."""
        self._find(f"delete the bundle {id_[:12]}", "DELETE", f"/bundles/{id_}")

    def service(self, name: str) -> Found | None:
        """Return a service: ``label``, ``bundle``, ``url``, ``running``, ``variables``; None when there is none."""
        return self._find(f"look at the service {name}", "GET", f"/services/{name}")

    def put_service(self, name: str, wanted: Found) -> Found:
        """Create a service, or change it."""
        return self._ask(f"put the service {name}", "PUT", f"/services/{name}", json.dumps(wanted).encode())

    def restart(self, name: str) -> None:
        """Start a service again."""
        self._ask(f"restart the service {name}", "POST", f"/services/{name}/restart")

    def delete_service(self, name: str) -> None:
        """Delete a service; that is fine when it is gone."""
        self._find(f"delete the service {name}", "DELETE", f"/services/{name}")

    def log(self, name: str, after: int) -> Found | None:
        """Return ``lines`` of a service's log after so many, and whether it is ``running``; None when it is gone."""
        return self._find(f"read the log of {name}", "GET", f"/services/{name}/log?after={after}")

    def _find(self, what: str, method: str, path: str) -> Found | None:
        status, found = self._answer(what, method, path, None)
        if status == 404:
            return None
        return self._expect(what, status, found)

    def _ask(self, what: str, method: str, path: str, body: bytes | None = None) -> Found:
        return self._expect(what, *self._answer(what, method, path, body))

    def _expect(self, what: str, status: int, found: Found) -> Found:
        if status >= 300:
            raise translate(what, status, str(found.get("message", "")))
        return found

    def _answer(self, what: str, method: str, path: str, body: bytes | None) -> tuple[int, Found]:
        from urllib3.exceptions import HTTPError  # late: classes are found without it

        reason = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(backoff_s(attempt - 1, first_s=0.5, longest_s=5.0))
            try:
                answer = self._pool.request(method, f"{self._url}/v1{path}", headers=self._headers, body=body)
            except HTTPError as error:
                reason = type(getattr(error, "reason", None) or error).__name__
                continue
            try:
                found = json.loads(answer.data or b"{}")
            except ValueError:
                found = {}
            if answer.status not in BUSY:
                return answer.status, found if isinstance(found, dict) else {}
            reason = f"status {answer.status}"
        raise PlatformError(
            f"can't {what}: {self._url} does not answer ({reason}, {_ATTEMPTS} times)",
            code="unreachable",
            hint="is there a network? a proxy: HTTPS_PROXY",
        )


@functools.cache
def _connected(url: str, token: str, timeout_s: float) -> Nimbus:
    return Nimbus(url, token, timeout_s)


def _pool(url: str, timeout_s: float) -> urllib3.PoolManager:
    import urllib3

    options: dict[str, Any] = {"timeout": timeout_s, "retries": False, "maxsize": 4}
    proxy = urlsplit(proxy_for(url) or "")
    if not proxy.hostname:
        return urllib3.PoolManager(**options)
    who, _, address = proxy.netloc.rpartition("@")
    headers = urllib3.make_headers(proxy_basic_auth=unquote(who)) if who else None
    return urllib3.ProxyManager(f"{proxy.scheme}://{address}", proxy_headers=headers, **options)
