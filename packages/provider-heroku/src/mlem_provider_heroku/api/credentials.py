"""The API key, from where the Heroku command keeps it: read when it is needed, never stored."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

from mlem import CredentialsError

VARIABLE = "HEROKU_API_KEY"
_HINT = f"heroku login, or export {VARIABLE}=... (heroku authorizations:create makes one)"


def api_key(api_url: str) -> str:
    """Return the API key for an address: ``HEROKU_API_KEY``, else the password of its host in ``~/.netrc``.

    Source: Dev Center, "Heroku CLI Authentication", section "API token storage" (read 2026-11).

    Raises:
        CredentialsError: There is none, or it can't be read.
    """
    key = os.environ.get(VARIABLE, "").strip() or _from_netrc(urlsplit(api_url).hostname or "")
    if not key:
        raise CredentialsError(
            f"no API key of Heroku: {VARIABLE} is not set, and ~/.netrc has none", code="no-api-key", hint=_HINT
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise CredentialsError(
            "the API key of Heroku has a character that does not fit into a header", code="bad-api-key", hint=_HINT
        )
    return key


def _from_netrc(host: str) -> str:
    import netrc

    home = Path(os.path.expanduser("~"))
    path = home / ".netrc"
    if not path.is_file():
        path = home / "_netrc"  # as the Heroku command names it on Windows
    try:
        found = netrc.netrc(str(path)).authenticators(host)
    except FileNotFoundError:
        return ""
    except netrc.NetrcParseError as error:
        # the text of the error may have the line, and the line the key
        raise CredentialsError(
            f"{path}, line {error.lineno}: this is not a netrc file", code="bad-netrc", hint=_HINT
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise CredentialsError(f"{path} can't be read: {type(error).__name__}", code="bad-netrc", hint=_HINT) from error
    return found[2] if found and found[2] else ""
