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


def tokens_in(text: str, source: str) -> tuple[str, ...]:
    """Return the tokens of a text, which are separated by commas or line ends.

    Args:
        text: The text.
        source: Where it is from, for messages.

    Raises:
        UserError: It has no token, which would open a server to everybody by accident, or one that does not fit into a
            header.
    """
    tokens = tuple(token for token in (part.strip() for part in re.split(r"[,\r\n]", text)) if token)
    if not tokens:
        raise UserError(
            f"{source} has no token", code="bad-token", hint="write one there, or remove it to serve without tokens"
        )
    if not all(re.fullmatch(r"[!-~]+", token) for token in tokens):
        raise UserError(f"{source}: a token has a space or a character outside ASCII", code="bad-token")
    return tokens


def given_tokens() -> str | None:
    """Return the value of `TOKENS_VARIABLE` in the environment of this command; None where it is not set.

    Raises:
        UserError: It is set, and has no token.
    """
    text = os.environ.get(TOKENS_VARIABLE)
    if text is not None:
        tokens_in(text, f"${TOKENS_VARIABLE}")
    return text
