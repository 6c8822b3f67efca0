"""`Tokens`: what a registry wants to see with each request, and the service where its tokens are from.

Source: https://distribution.github.io/distribution/spec/auth/token/ and ``/oauth/`` (read 2026-11).
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode, urlsplit

from mlem import PlatformError
from mlem_image.registry.answers import Answers, read_whole
from mlem_image.registry.credentials import Credentials
from mlem_image.registry.reference import is_local

AGENT = {"User-Agent": "mlem-image"}
_CHALLENGE = re.compile(r"(?:^|,)\s*(basic|bearer)\s+(.*?)(?=,\s*\w+\s+\w+\s*=|$)", re.IGNORECASE)
_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"([^"]*)"|([^\s,"]+))')
_TOKEN = re.compile(r"[\x21-\x7e]+")


class Tokens:
    """The tokens of one registry, by what they allow.

    Args:
        host: The registry.
        credentials: Who asks; None for nobody in particular.
        pool: Connections.
        answers: Makes errors of answers.
        plain: Whether the registry itself has no TLS.
    """

    def __init__(self, host: str, credentials: Credentials | None, pool: Any, answers: Answers, *, plain: bool) -> None:
        self._host = host
        self._credentials = credentials
        self._pool = pool
        self._answers = answers
        self._plain = plain
        self._known: dict[str, str] = {}

    def headers(self, scope: str) -> dict[str, str]:
        """Return the header that allows something; none where the registry has not asked for it yet."""
        return {"Authorization": self._known[scope]} if scope in self._known else {}

    def renew(self, challenge: str, scope: str, what: str) -> None:
        """Get what the registry asks for: a token of its service, or name and password.

        Args:
            challenge: What it asks for.
            scope: What has to be allowed; several are separated by spaces.
            what: What it is for, in messages.

        Raises:
            CredentialsError: The service refuses, or the registry wants a user.
            Interrupted: The service is busy.
            MlemError: What it asks for is not known, or unsafe.
        """
        asked = {kind.lower(): rest for kind, rest in _CHALLENGE.findall(challenge)}
        if "bearer" in asked:
            parameters = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(asked["bearer"])}
            self._known[scope] = f"Bearer {self._token(parameters, scope, what)}"
        elif "basic" in asked:
            if self._credentials is None or self._credentials.identity_token is not None:
                raise self._answers.refusal(401, b"", what)
            self._known[scope] = self._credentials.basic
        else:
            kind = "".join(c for c in challenge.partition(" ")[0][:40] if c.isprintable())
            raise PlatformError(f"{self._host} asks for a login that is not known: {kind}", code="registry")

    def _token(self, parameters: dict[str, str], scope: str, what: str) -> str:
        realm = self._safe(parameters.get("realm", ""))
        service = {"service": parameters["service"]} if parameters.get("service") else {}
        credentials, headers = self._credentials, dict(AGENT)
        options: dict[str, Any] = {"preload_content": False, "decode_content": False, "redirect": False}
        if credentials is not None and credentials.identity_token is not None:
            fields = {
                **service,
                "scope": scope,
                "grant_type": "refresh_token",
                "client_id": "mlem",
                "refresh_token": credentials.identity_token.get_secret_value(),
            }
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            answer = self._pool.request(
                "POST", realm, headers=headers, body=urlencode(fields), retries=False, **options
            )
        else:
            if credentials is not None:
                headers["Authorization"] = credentials.basic
            query = urlencode({**service, "scope": scope.split(" ")}, doseq=True)
            url = f"{realm}{'&' if '?' in realm else '?'}{query}"
            answer = self._pool.request("GET", url, headers=headers, retries=False, **options)
        try:
            if answer.status != 200:
                raise self._answers.error_of(answer, what)
            return self._read(read_whole(answer, what))
        finally:
            answer.close()

    def _safe(self, realm: str) -> str:
        """Return the address of the service, if what is sent there can't be read on the way."""
        try:
            parts = urlsplit(realm)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise PlatformError(f"{self._host} does not say where its tokens are from", code="registry")
        secret = self._credentials is not None and not is_local(parts.netloc)
        if parts.scheme == "http" and (secret or not self._plain):
            raise PlatformError(f"{self._host} sends logins to an address without TLS", code="registry")
        return realm

    def _read(self, content: bytes) -> str:
        try:
            found = json.loads(content)
            token = found.get("token") or found["access_token"]
            if not isinstance(token, str) or not _TOKEN.fullmatch(token):
                raise ValueError("the token is no word")
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            raise PlatformError(f"the login of {self._host} gives no token", code="registry") from error
        return token
