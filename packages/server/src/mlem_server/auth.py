"""Bearer tokens: read from a file or the environment, compared in constant time."""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from mlem.errors import UserError
from mlem.files import unusable
from mlem_server.errors import HttpError

TOKENS_VARIABLE = "MLEM_SERVER_TOKENS"


def read_tokens(file: Path | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Read the tokens that the server accepts, separated by commas or line ends.

    Args:
        file: A file of tokens; it goes before the environment.
        environment: Where ``MLEM_SERVER_TOKENS`` may be.

    Returns:
        The tokens; none when neither a file nor the variable is there.

    Raises:
        UserError: The file or the variable is there but has no token, which would open the server to everybody by accident, or
            has one that does not fit into a header.
        NotFoundError: The file does not exist.
    """
    if file is not None:
        try:
            text, source = file.read_text(encoding="utf-8"), str(file)
        except UnicodeDecodeError as error:
            raise UserError(f"{file}: not a text file", code="bad-token") from error
        except OSError as error:
            raise unusable(file, error, "read") from error
    elif TOKENS_VARIABLE in environment:
        text, source = environment[TOKENS_VARIABLE], f"${TOKENS_VARIABLE}"
    else:
        return ()
    tokens = tuple(token for token in (part.strip() for part in re.split(r"[,\r\n]", text)) if token)
    if not tokens:
        raise UserError(f"{source} has no token", code="bad-token", hint="write one there, or remove it to serve without tokens")
    if not all(re.fullmatch(r"[!-~]+", token) for token in tokens):
        raise UserError(f"{source}: a token has a space or a character outside ASCII", code="bad-token")
    return tokens


def check_token(header: bytes | None, tokens: Sequence[str]) -> None:
    """Refuse a request that has none of the tokens.

    Args:
        header: The request's ``Authorization`` header.
        tokens: The accepted tokens; none accepts every request.

    Raises:
        HttpError: 401, with ``WWW-Authenticate`` as RFC 6750 section 3 asks for.
    """
    if not tokens:
        return
    scheme, _, given = (header or b"").partition(b" ")
    if header is None or scheme.lower() != b"bearer":
        raise HttpError(
            401,
            "unauthorized",
            "this server needs a bearer token",
            hint="send the header: Authorization: Bearer TOKEN",
            headers={"www-authenticate": 'Bearer realm="mlem"'},
        )
    given = given.strip()
    # every token is compared, so that the time does not tell which one was near
    if not any([hmac.compare_digest(given, token.encode()) for token in tokens]):  # noqa: C419
        raise HttpError(
            401,
            "unauthorized",
            "the bearer token is not valid",
            headers={"www-authenticate": 'Bearer realm="mlem", error="invalid_token"'},
        )
