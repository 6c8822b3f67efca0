"""Deploy a model as a container on a Docker Engine, and build images of models.

The public names are for providers that run images elsewhere.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem_provider_docker.api.address import EngineAddress
    from mlem_provider_docker.api.sdk import Engine, connect
    from mlem_provider_docker.images.image import made_for
    from mlem_provider_docker.images.tag import image_tag
    from mlem_provider_docker.ownership import LINEAGE_LABEL
    from mlem_provider_docker.records import PushedImageRecord
    from mlem_provider_docker.steps.pushed_image import PushedImageStep

_HOMES = {
    "LINEAGE_LABEL": "ownership",
    "made_for": "images.image",
    "Engine": "api.sdk",
    "EngineAddress": "api.address",
    "PushedImageRecord": "records",
    "PushedImageStep": "steps.pushed_image",
    "connect": "api.sdk",
    "image_tag": "images.tag",
}

__all__ = [
    "LINEAGE_LABEL",
    "Engine",
    "EngineAddress",
    "PushedImageRecord",
    "PushedImageStep",
    "connect",
    "image_tag",
    "made_for",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: finding plugins imports this package."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
