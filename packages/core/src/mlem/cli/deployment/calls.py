"""How to call what was deployed: its page, and a line for a shell."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from mlem.deployments.handle import DeploymentHandle

_LONGEST = 2000
"""A body with more characters is not for a command line."""


def page(address: str) -> str | None:
    """Return the address of the page to try a model; None where it is not called over HTTP."""
    return f"{address.rstrip('/')}/" if address.startswith(("http://", "https://")) else None


def example(one: DeploymentHandle, address: str, *, asks: bool) -> str:
    """Return a command that calls a deployment: curl with the model's own sample row, or ours where that is too long.

    Whatever the model's file says, it is one line, and a shell finds nothing in it to obey.

    Args:
        one: The deployment.
        address: Its URL.
        asks: Whether it asks for a token: then the caller's own is sent, ``MLEM_TOKEN``.
    """
    method, sample = next(iter(one.model().samples.items()), ("", None))
    body = json.dumps(sample.args) if sample is not None else ""
    if not body or len(body) > _LONGEST or page(address) is None:
        return f"mlem deployment apply {shlex.quote(one.name)} DATA"
    url = shlex.quote(f"{address.rstrip('/')}/{quote(method, safe='')}")
    token = ' -H "Authorization: Bearer $MLEM_TOKEN"' if asks else ""
    return f"curl -X POST {url}{token} -H 'Content-Type: application/json' -d {shlex.quote(body)}"
