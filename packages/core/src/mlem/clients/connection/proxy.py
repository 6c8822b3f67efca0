"""Which proxy a request goes through.

``http_proxy``, ``https_proxy``, ``all_proxy`` and ``no_proxy``, as other programs read them.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
from urllib.parse import urlsplit

from mlem_model.errors import UserError

_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")


def proxy_for(url: str) -> str | None:
    """Return the URL of the proxy for an address; None where there is none, as for every address of this machine.

    Args:
        url: What is asked.

    Raises:
        UserError: The variable is not the URL of an HTTP proxy; its value may contain a password, so it is not shown.
    """
    if not any(os.environ.get(name) or os.environ.get(name.upper()) for name in _VARIABLES):
        return None
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
