"""`Answers`: what a registry's answers, and broken connections, mean for whoever asked."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from typing import Any

from urllib3.exceptions import ProxyError

from mlem import CredentialsError, MlemError, PlatformError
from mlem_image.registry.attempts import BUSY, Interrupted
from mlem_image.registry.credentials import Credentials
from mlem_image.registry.errors import error_of

_MOST_BYTES = 8 * 2**20
"""Answers that are read as a whole are no larger: manifests have at most 4 MiB."""
_REFUSAL_BYTES = 2**16
_PROXY_REFUSES = re.compile(r"Tunnel connection failed: (40[137]\b[^'\"]*)")
"""As `http.client` tells of a proxy that does not connect."""


@dataclass(frozen=True)
class Answers:
    """The answers of one registry.

    Attributes:
        host: The registry.
        credentials: Who asks; None for nobody in particular.
    """

    host: str
    credentials: Credentials | None

    @property
    def user(self) -> str:
        """As whom it is asked, for messages; empty for nobody in particular."""
        if self.credentials is None:
            return ""
        return self.credentials.username or "the owner of an identity token"

    def error_of(self, answer: Any, what: str) -> MlemError | Interrupted:
        """Return the error for an answer whose status says that it failed; of its body the beginning is read.

        Args:
            answer: The answer.
            what: What was to be done.
        """
        error = self.refusal(answer.status, bytes(answer.read(_REFUSAL_BYTES)), what)
        return Interrupted(error, answer.headers.get("retry-after")) if answer.status in BUSY else error

    def refusal(self, status: int, body: bytes, what: str) -> MlemError:
        """Return the error for a status and a body, without the secrets that this may repeat."""
        if self.credentials is not None:
            for secret in (self.credentials.password, self.credentials.identity_token):
                if secret is not None and secret.get_secret_value():
                    body = body.replace(secret.get_secret_value().encode(), b"***")
        return error_of(status, body, what, self.host, self.user)

    def interrupted(self, cause: Exception, what: str) -> Interrupted:
        """Return what a broken connection means.

        Raises:
            CredentialsError: The proxy refuses.
            PlatformError: The certificate is not trusted, which does not get better.
        """
        reason = getattr(cause, "reason", None) or cause
        first = reason.args[0] if reason.args else None
        if any(isinstance(one, ssl.SSLCertVerificationError) for one in (cause, reason, first)):
            raise PlatformError(
                f"can't {what}: the certificate of {self.host} is not one that this machine trusts: {reason}",
                code="tls",
                hint="SSL_CERT_FILE names the certificates to trust",
            ) from cause
        refused = _PROXY_REFUSES.search(str(reason)) if isinstance(reason, ProxyError) else None
        if refused:
            raise CredentialsError(
                f"can't {what}: the proxy does not let this pass to {self.host}: {refused[1]}",
                code="proxy",
                hint="HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT, with %40 for an @ in the password",
            ) from cause
        return Interrupted(
            PlatformError(
                f"can't {what}: {self.host} can't be reached: {type(reason).__name__}: {reason}",
                code="unreachable",
                hint="is there a network? a proxy: HTTPS_PROXY",
            )
        )


def read_whole(answer: Any, what: str) -> bytes:
    """Return the content of a small answer.

    Raises:
        PlatformError: It is not small.
    """
    content = bytes(answer.read(_MOST_BYTES + 1))
    if len(content) > _MOST_BYTES:
        raise PlatformError(f"can't {what}: the registry's answer is too large", code="registry")
    return content
