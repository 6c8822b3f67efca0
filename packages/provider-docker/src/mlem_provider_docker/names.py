"""Names of images and containers.

The same declaration and model always get the same ones, so that a killed run's are found again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlem_provider_docker.env import ImageRegistry


def slug(name: str) -> str:
    """Return a deployment's name as the Engine takes it: ``apps/iris`` is ``apps-iris``."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "model"


def reference(image_name: str, tag: str, registry: ImageRegistry | None) -> str:
    """Return an image's whole name: ``registry.example.com/iris:1``."""
    return f"{registry.host}/{image_name}:{tag}" if registry else f"{image_name}:{tag}"


def split_name(name: str) -> tuple[str, str]:
    """Split ``host:5000/team/iris:1`` into repository and tag; a digest counts as one."""
    repository, separator, digest = name.partition("@")
    if separator:
        return repository, digest
    repository, separator, tag = name.rpartition(":")
    return (repository, tag) if separator and "/" not in tag else (name, "latest")


def moving_name(image: str, tag: str | None) -> str | None:
    """Return the name with the tag that moves to the newest image; None where no such tag is declared."""
    return f"{split_name(image)[0]}:{tag}" if tag else None


def parked_name(name: str, id_: str) -> str:
    """Return the name of a container that has given its own to its successor."""
    return f"{name}.{id_[:8]}"
