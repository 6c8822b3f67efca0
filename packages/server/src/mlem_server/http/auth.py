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
    name_and_token,
    token_entries,
)
from mlem_server.http.errors import HttpError
from mlem_server.process.file_watch import FileWatch
from mlem_server.settings import Settings


def read_tokens(file: Path | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Read the tokens that the server accepts, separated by commas or line ends, each after its name or alone.

    Args:
        file: A file of tokens; it goes before the environment.
        environment: Where ``MLEM_SERVER_TOKENS`` may be.

    Returns:
        The tokens, as `mlem_model.serving.protection.token_entries` has them; none when neither a file nor the
        variable is there.

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
    return token_entries(text, source)


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
        tokens: Those that it starts with, each after its name or alone; none lets everybody call.
        file: Where they are from, if it is a file.
    """

    def __init__(self, tokens: Sequence[str], file: Path | None = None) -> None:
        self._accepted = tuple(map(name_and_token, tokens))
        self._file = file

    def __bool__(self) -> bool:
        return bool(self._accepted)

    def watch(self) -> FileWatch | None:
        """Return what reads the file again; None where there is no file."""
        return FileWatch("tokens", [self._file], self._read) if self._file is not None else None

    def _read(self) -> bool:
        before, self._accepted = self._accepted, tuple(map(name_and_token, read_tokens(self._file, {})))
        return set(before) != set(self._accepted)

    def check(self, header: bytes | None) -> str:
        """Refuse a request without any of them; return the name of the one that it has, see `check_token`."""
        return check_token(header, self._accepted)


def check_token(header: bytes | None, tokens: Sequence[tuple[str, str]]) -> str:
    """Refuse a request without any of the tokens.

    Args:
        header: The request's ``Authorization`` header.
        tokens: The accepted tokens after their names; none accepts every request.

    Returns:
        The name of its token; empty where that has none.

    Raises:
        HttpError: 401, with ``WWW-Authenticate`` as RFC 6750 section 3 asks for.
    """
    if not tokens:
        return ""
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
    fitting = [name for name, token in tokens if hmac.compare_digest(given, token.encode())]
    if not fitting:
        raise HttpError(
            401,
            "unauthorized",
            "the bearer token is not valid",
            headers={"www-authenticate": 'Bearer realm="mlem", error="invalid_token"'},
        )
    return fitting[0]
