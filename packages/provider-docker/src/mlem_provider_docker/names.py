"""Names of images and containers.

The same declaration and model always get the same ones, so that a killed run's are found again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlem_provider_docker.env import Registry


def slug(name: str) -> str:
    """Return a deployment's name as the Engine takes it: ``apps/iris`` is ``apps-iris``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"


def reference(image_name: str, tag: str, registry: Registry | None) -> str:
    """Return an image's whole name: ``registry.example.com/iris:1``."""
    return f"{registry.host}/{image_name}:{tag}" if registry else f"{image_name}:{tag}"


def moving_name(image: str, tag: str | None) -> str | None:
    """Return the name with the tag that moves to the newest image; None where no such tag is declared."""
    from mlem_provider_docker.api.sdk import split_name

    return f"{split_name(image)[0]}:{tag}" if tag else None


def parked_name(name: str, id_: str) -> str:
    """Return the name of a container that has given its own to its successor."""
    return f"{name}.{id_[:8]}"
