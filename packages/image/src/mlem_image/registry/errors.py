"""What a registry's answers mean for whoever deploys."""

from __future__ import annotations

import json
from collections.abc import Mapping

from mlem import CredentialsError, MlemError, NotFoundError, PlatformError, UserError

_SHOWN, _READ = 300, 4096


def error_of(status: int, body: bytes, what: str, host: str, user: str) -> MlemError:
    """Return the error for an answer.

    Args:
        status: Its status.
        body: Its body, or the beginning of that.
        what: What was to be done: ``push 127.0.0.1:5000/iris``.
        host: The registry.
        user: As whom; empty for nobody in particular.
    """
    code, said = _said(body)
    message = f"can't {what}: {host} says {status}" + (f", {said}" if said else "")
    who = f"as {user}" if user else "without credentials"
    if status in (401, 403) or code in ("UNAUTHORIZED", "DENIED"):
        return CredentialsError(
            f"{message} (asked {who})", hint=f"docker login {host}, or a token of it that may do this"
        )
    if status == 404 or code in ("NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN"):
        return NotFoundError(f"{message} (asked {who})", code="image-not-found")
    if status == 429:
        return PlatformError(message, code="throttled", hint="wait, or log in: limits are larger then")
    if status in (413, 507):
        return PlatformError(
            message, code="no-room", hint="the registry, or a proxy before it, has no room for a layer"
        )
    if status >= 500:
        return PlatformError(message, code="registry", hint="repeat the command later")
    return UserError(message, code="refused")


def _said(body: bytes) -> tuple[str, str]:
    """Return the code and the words of the first error in an answer, on one line, without control characters."""
    try:
        first: Mapping[str, object] = json.loads(body)["errors"][0]
        code, said = str(first.get("code", "")), str(first.get("message", ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        text = body[:_READ].decode("utf-8", "replace").strip("\ufeff \t\r\n")
        code, said = "", "" if text[:1] in ("<", "{", "[") else text
    words = f"{code}: {said}" if code and said else code or said
    return code, " ".join("".join(c if c.isprintable() else " " for c in words).split())[:_SHOWN]
