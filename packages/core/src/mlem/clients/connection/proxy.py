"""Which proxy a request goes through.

``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy``, as other programs read them.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import os
from urllib.parse import urlsplit

from mlem_model.errors import UserError

_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_OTHERS = ("no_proxy", "NO_PROXY", "REQUEST_METHOD")
"""What else decides; with the last, a CGI program, ``HTTP_PROXY`` is a header of the request that somebody sent."""


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy for an address; None where there is none, as for every address of this machine.

    Args:
        url: What is asked.

    Raises:
        UserError: The variable is not the URL of an HTTP proxy; its value may contain a password, so it is not shown.
    """
    proxies = tuple(map(os.environ.get, _PROXIES))
    return _chosen(url, (*proxies, *map(os.environ.get, _OTHERS))) if any(proxies) else None


@functools.lru_cache(maxsize=64)
def _chosen(url: str, _said: tuple[str | None, ...]) -> str | None:
    """Return the same once for each state of the environment: to ask it costs as much as a small call."""
    # typeshed has one of the two only for some platforms; both exist on all
    from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]  # see above

    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_here(host) or proxy_bypass_environment(parts.netloc):
        return None
    proxies = getproxies_environment()
    found = proxies.get(parts.scheme) or proxies.get("all")
    if not found:
        return None
    proxy = found if "://" in found else f"http://{found}"
    try:
        usable = urlsplit(proxy).scheme == "http" and bool(urlsplit(proxy).hostname) and urlsplit(proxy).port != 0
    except ValueError:
        usable = False
    if not usable:
        variable = f"{parts.scheme}_proxy" if proxies.get(parts.scheme) else "all_proxy"
        raise UserError(
            f"{variable} is not the address of an HTTP proxy",
            code="bad-proxy",
            hint=f"{variable}=http://HOST:PORT, or no_proxy={host}",
        )
    return proxy


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host.partition("%")[0])
        return address.is_loopback or address.is_unspecified
    return False
