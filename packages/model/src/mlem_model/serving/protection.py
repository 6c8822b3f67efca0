"""What keeps strangers out of a server.

The variables that name its bearer tokens and its certificate, and tokens as text.
"""

from __future__ import annotations

import os
import re

from mlem_model.errors import UserError

TOKENS_VARIABLE = "MLEM_SERVER_TOKENS"
"""The variable with the tokens of a server, in the environment of a command and in that of the server."""
TOKEN_FILE_VARIABLE = "MLEM_SERVER_TOKEN_FILE"  # noqa: S105  # the name of a variable
TOKEN_VARIABLE = "MLEM_TOKEN"  # noqa: S105  # the same
"""The token of a caller."""
TLS_VARIABLE = "MLEM_SERVER_TLS_CERT"
TLS_KEY_VARIABLE = "MLEM_SERVER_TLS_KEY"
PROTECTION_FILES = (TOKEN_FILE_VARIABLE, TLS_VARIABLE, TLS_KEY_VARIABLE)
"""The variables that name files of what protects a server: its tokens, its certificate, its key."""


_ENTRY = re.compile(r"(?:(?P<name>[A-Za-z0-9._@-]{1,64})[ \t]+)?(?P<token>[!-~]+)")


def token_entries(text: str, source: str) -> tuple[str, ...]:
    """Return the tokens of a text, which are separated by commas or line ends, each with its name where it has one.

    Args:
        text: The text.
        source: Where it is from, for messages.

    Raises:
        UserError: It has no token, which would open a server to everybody by accident, or one that does not fit into a
            header.
    """
    entries = tuple(entry for entry in (part.strip() for part in re.split(r"[,\r\n]", text)) if entry)
    if not entries:
        raise UserError(
            f"{source} has no token", code="bad-token", hint="write one there, or remove it to serve without tokens"
        )
    if not all(map(_ENTRY.fullmatch, entries)):
        raise UserError(
            f"{source}: a token has a space or a character outside ASCII",
            code="bad-token",
            hint="a token is written by itself, or after a name and a space: nightly-job TOKEN",
        )
    return entries


def name_and_token(entry: str) -> tuple[str, str]:
    """Part an entry of `token_entries`; the name is empty where it has none."""
    name, _, token = entry.replace("\t", " ").rpartition(" ")
    return name.strip(), token


def tokens_in(text: str, source: str) -> tuple[str, ...]:
    """Return the tokens of a text without their names; see `token_entries`.

    Raises:
        UserError: See `token_entries`.
    """
    return tuple(name_and_token(entry)[1] for entry in token_entries(text, source))


def given_tokens() -> str | None:
    """Return the value of `TOKENS_VARIABLE` in the environment of this command; None where it is not set.

    Raises:
        UserError: It is set, and has no token.
    """
    text = os.environ.get(TOKENS_VARIABLE)
    if text is not None:
        tokens_in(text, f"${TOKENS_VARIABLE}")
    return text
