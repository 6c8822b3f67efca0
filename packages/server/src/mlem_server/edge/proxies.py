"""`Proxies`: what proxies in front say of a request: who calls, and under which path prefix.

Whoever can reach the server could say so too, so it counts only from addresses that are trusted.

Sources: "X-Forwarded-For", https://developer.mozilla.org/en-US/docs/Web/HTTP/Reference/Headers/X-Forwarded-For;
Traefik, "StripPrefix", https://doc.traefik.io/traefik/middlewares/http/stripprefix/ (X-Forwarded-Prefix); read 2026-11.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence

from mlem_model.errors import UserError
from mlem_server.http.request import Request
from mlem_server.http.response import Response
from mlem_server.settings import Network

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+")
_LONGEST = 256


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Read addresses and networks: ``10.0.0.0/8``, ``127.0.0.1``, ``::1``.

    Raises:
        UserError: One of them is neither.
    """
    try:
        return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts if text.strip())
    except ValueError as error:
        raise UserError(f"{error}: expected an address or a network", hint="for example 10.0.0.0/8") from error


def prefix_of(text: str) -> str:
    """Return a path prefix without the slash at its end; empty for none.

    Raises:
        UserError: It is not the beginning of a path.
    """
    prefix = text.rstrip("/")
    if prefix and (len(prefix) > _LONGEST or not _PREFIX.fullmatch(prefix)):
        raise UserError(f"{text[:80]!r} is not a path prefix", hint="for example /models/iris")
    return prefix


class Proxies:
    """What is known of the proxies in front.

    Args:
        root_path: The prefix under which callers see the server; empty for none.
        trusted: Where proxies are whose headers count.
    """

    def __init__(self, root_path: str, trusted: Sequence[Network]) -> None:
        self._root_path = root_path
        self._trusted = tuple(trusted)

    def prefix(self, request: Request) -> str:
        """Return the prefix under which a caller sees the server; empty for none."""
        said = request.headers.get(b"x-forwarded-prefix")
        if said is not None and self._trusts(request.peer):
            said_first = said.decode("latin-1").partition(",")[0].strip().rstrip("/")
            if len(said_first) <= _LONGEST and _PREFIX.fullmatch(said_first):
                return said_first
        return self._root_path

    def path(self, request: Request) -> str:
        """Return a request's path without the prefix, which a proxy may have left in it or not."""
        path, prefix = request.path, self.prefix(request)
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            return path[len(prefix) :] or "/"
        return path

    def redirect(self, request: Request) -> Response | None:
        """Send a caller who left out the slash behind the prefix there: relative links need it. None otherwise."""
        prefix = self.prefix(request)
        if not prefix or request.path != prefix or request.method not in ("GET", "HEAD"):
            return None
        return Response(308, b"", b"text/plain", {"location": f"{prefix.rpartition('/')[2]}/"})

    def caller(self, request: Request) -> str:
        """Return the address of the caller: the last one that no trusted proxy has."""
        caller = request.peer
        said = request.headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
        while said and self._trusts(caller):
            before = _address(said.pop())
            if before is None:
                break
            caller = before
        return caller

    def _trusts(self, address: str) -> bool:
        if not address:  # a Unix socket: who may connect is a matter of its file
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        plain = getattr(found, "ipv4_mapped", None) or found
        return any(plain in network for network in self._trusted)


def _address(text: str) -> str | None:
    """Read an address that may have a port: ``[::1]:80``, ``10.0.0.1:80``."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))
    except ValueError:
        return None
