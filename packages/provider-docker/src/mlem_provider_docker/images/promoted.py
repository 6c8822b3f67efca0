"""Images that are promoted: made for one deployment, and named for another that runs the very same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlem_image import LINEAGE_LABEL, MODEL_LABEL, RECIPE_LABEL, promoted_tag
from mlem_provider_docker.names import split_name

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine


def names_for(image: Mapping[str, Any], labels: Mapping[str, str] | None, lineage: str) -> list[str]:
    """Return the names of an image that say that a deployment was promoted to it.

    Args:
        image: What the Engine says of it: its ``RepoTags``.
        labels: Its labels.
        lineage: The deployment's.
    """
    found = labels or {}
    if not all(found.get(label) for label in (MODEL_LABEL, RECIPE_LABEL, LINEAGE_LABEL)):
        return []
    tag = promoted_tag(found[MODEL_LABEL], found[RECIPE_LABEL], found[LINEAGE_LABEL], lineage)
    return [name for name in image.get("RepoTags") or () if split_name(name)[1] == tag]


def promoted_to(engine: Engine, lineage: str) -> Iterator[tuple[Mapping[str, Any], list[str]]]:
    """Yield the images on an Engine that were promoted to a deployment, each with its names there."""
    for found in engine.images(MODEL_LABEL):
        names = names_for(found, found.get("Labels"), lineage)
        if names:
            yield found, names
