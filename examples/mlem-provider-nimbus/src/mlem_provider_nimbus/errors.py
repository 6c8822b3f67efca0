"""What an answer of Nimbus means for a user: one table from its statuses to mlem's errors."""

from __future__ import annotations

from mlem import ConflictError, CredentialsError, MlemError, NotFoundError, PlatformError, UserError

from mlem_provider_nimbus.env import TOKEN_VARIABLE

BUSY = frozenset({429, 500, 502, 503, 504})
"""Statuses of calls that are worth a repeat."""
_MEANINGS: dict[int, tuple[type[MlemError], str, str]] = {
    400: (UserError, "refused", ""),
    401: (CredentialsError, "credentials", f"is {TOKEN_VARIABLE} the token of this account?"),
    403: (CredentialsError, "access-denied", "the account may not do this"),
    404: (NotFoundError, "gone", "repeat the command"),
    409: (ConflictError, "conflict", "repeat the command"),
    413: (UserError, "too-large", "the model is larger than Nimbus takes"),
}


def translate(what: str, status: int, said: str) -> MlemError:
    """Return the error for a status.

    Args:
        what: What was to be done: ``look at the service iris``.
        status: The answer's status.
        said: What the answer says of it.
    """
    kind, code, hint = _MEANINGS.get(status, (PlatformError, "platform", "is there an outage?"))
    text = "".join(character for character in said[:500] if character.isprintable())
    return kind(f"can't {what}: Nimbus says {status} {text}".rstrip(), code=code, hint=hint or None)
