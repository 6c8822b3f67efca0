"""Bearer tokens: read from a file or the environment, compared in constant time."""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mlem_model.errors import UserError
from mlem_model.objects.files import unusable
from mlem_model.serving.protection import (
    TLS_KEY_VARIABLE,
    TLS_VARIABLE,
    TOKEN_FILE_VARIABLE,
    TOKENS_VARIABLE,
    tokens_in,
)
from mlem_server.http.errors import HttpError
from mlem_server.process.file_watch import FileWatch
from mlem_server.settings import Settings


def read_tokens(file: Path | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Read the tokens that the server accepts, separated by commas or line ends.

    Args:
        file: A file of tokens; it goes before the environment.
        environment: Where ``MLEM_SERVER_TOKENS`` may be.

    Returns:
        The tokens; none when neither a file nor the variable is there.

    Raises:
        UserError: The file or the variable is there but has no token, which would open the server to everybody by
            accident, or has one that does not fit into a header.
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
    return tokens_in(text, source)


def protected(settings: Settings, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return settings with the tokens and the certificate that the environment names, as the command line does.

    Args:
        settings: The other settings.
        environment: Where the variables may be.

    Raises:
        UserError: See `read_tokens`.
    """
    token_file, certificate, key = (
        Path(environment[name]) if environment.get(name) else None
        for name in (TOKEN_FILE_VARIABLE, TLS_VARIABLE, TLS_KEY_VARIABLE)
    )
    tokens = read_tokens(token_file, environment)
    return replace(settings, tokens=tokens, token_file=token_file, tls_certificate=certificate, tls_key=key)


class Tokens:
    """The tokens that a server accepts.

    Args:
        tokens: Those that it starts with; none lets everybody call.
        file: Where they are from, if it is a file.
    """

    def __init__(self, tokens: Sequence[str], file: Path | None = None) -> None:
        self._accepted = tuple(tokens)
        self._file = file

    def __bool__(self) -> bool:
        return bool(self._accepted)

    def watch(self) -> FileWatch | None:
        """Return what reads the file again; None where there is no file."""
        return FileWatch("tokens", [self._file], self._read) if self._file is not None else None

    def _read(self) -> bool:
        before, self._accepted = self._accepted, read_tokens(self._file, {})
        return set(before) != set(self._accepted)

    def check(self, header: bytes | None) -> None:
        """Refuse a request without any of them; see `check_token`."""
        check_token(header, self._accepted)


def check_token(header: bytes | None, tokens: Sequence[str]) -> None:
    """Refuse a request without any of the tokens.

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
    # every token is compared, so that the time does not show which one was similar
    if not any([hmac.compare_digest(given, token.encode()) for token in tokens]):  # noqa: C419  # a list: see above
        raise HttpError(
            401,
            "unauthorized",
            "the bearer token is not valid",
            headers={"www-authenticate": 'Bearer realm="mlem", error="invalid_token"'},
        )
