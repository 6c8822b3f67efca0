"""`Route`: how a server is reached: its address, its proxy, and what verifies its certificate."""

from __future__ import annotations

import base64
import functools
import ssl
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

from mlem.clients.connection.connecting import QuietTls
from mlem_model.errors import UserError

_IN_PATHS = "/%:@!$&'()*+,;=~"
_IN_HOSTS = "[]:%"


@dataclass(frozen=True)
class Route:
    """How a server is reached.

    Attributes:
        host: The name or address of the server.
        port: Its port.
        origin: Both, as the server's URL has them.
        path: The path of the server's URL.
        secure: Whether it speaks TLS.
        ca_file: Certificates that are trusted instead of the system's.
        proxy: Name and port of the proxy.
        proxy_login: The value of ``Proxy-Authorization``.
    """

    host: str
    port: int
    origin: str
    path: str = ""
    secure: bool = False
    ca_file: str | None = None
    proxy: tuple[str, int] | None = None
    proxy_login: str | None = field(default=None, repr=False)

    @functools.cached_property
    def target(self) -> str:
        """What the target of each request begins with; all of the URL where a proxy passes the request on."""
        return self.path if self.secure or self.proxy is None else f"http://{self.origin}{self.path}"

    @functools.cached_property
    def headers(self) -> str:
        """The headers of each request."""
        login = "" if self.secure or self.proxy_login is None else f"Proxy-Authorization: {self.proxy_login}\r\n"
        return f"Host: {self.origin}\r\nAccept-Encoding: identity\r\n{login}"

    def tunnel(self) -> bytes:
        """Return the request that asks the proxy for a connection to the server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        login = "" if self.proxy_login is None else f"Proxy-Authorization: {self.proxy_login}\r\n"
        return f"CONNECT {host}:{self.port} HTTP/1.1\r\nHost: {host}:{self.port}\r\n{login}\r\n".encode()

    def context(self) -> ssl.SSLContext:
        """Return what verifies certificates; reading the system's takes time.

        Raises:
            UserError: The file of certificates can't be used.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            reason = (
                error.strerror
                if isinstance(error, OSError) and not isinstance(error, ssl.SSLError)
                else "it has no certificates"
            )
            raise UserError(f"ca_file {self.ca_file} can't be used: {reason}", code="bad-ca-file") from error
        context.set_alpn_protocols(["http/1.1"])
        context.sslsocket_class = QuietTls
        return context


@functools.lru_cache(maxsize=64)
def route_to(url: str, ca_file: str | None, proxy: str | None) -> Route:
    """Return the route to a server.

    Args:
        url: Its address.
        ca_file: Certificates that are trusted instead of the system's.
        proxy: The URL of the proxy.
    """
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    host = parts.hostname or ""
    if not url.isascii():
        host = host.encode("idna").decode()
        origin = host if parts.port is None else f"{host}:{parts.port}"
    else:
        origin = parts.netloc
    through = urlsplit(proxy) if proxy is not None else None
    login = None
    if through is not None and through.username:
        words = f"{unquote(through.username)}:{unquote(through.password or '')}"
        login = f"Basic {base64.b64encode(words.encode()).decode()}"
    return Route(
        host,
        parts.port or (443 if secure else 80),
        quote(origin, safe=_IN_HOSTS),
        quote(parts.path, safe=_IN_PATHS),
        secure,
        ca_file,
        None if through is None else (through.hostname or "", through.port or 80),
        login,
    )
