"""Deploy a model as a container on a Docker Engine, and build images of models.

The public names are for tools that look at the Engine where those images are.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem_provider_docker.api.address import EngineAddress
    from mlem_provider_docker.api.sdk import Engine, connect

_HOMES = {
    "Engine": "api.sdk",
    "EngineAddress": "api.address",
    "connect": "api.sdk",
}

__all__ = ["Engine", "EngineAddress", "connect"]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: finding plugins imports this package."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
