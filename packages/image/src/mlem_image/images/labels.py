"""The labels of an image: what is in it, what it was made by, and whose it is."""

from __future__ import annotations

from mlem import Model
from mlem_image.recipes.recipe import Recipe

MODEL_LABEL = "mlem.model_hash"
"""The model in it."""
RECIPE_LABEL = "mlem.recipe"
"""What it was made by."""
VERSIONS_LABEL = "mlem.versions"
LINEAGE_LABEL = "mlem.lineage"
"""Whose it is."""
DEPLOYMENT_LABEL = "mlem.deployment"
"""The name of the deployment that it was made for."""
IMAGE_LABEL = "mlem.image"
"""The name that it was made under; a copy has another name."""
BASE_LABEL = "org.opencontainers.image.base.name"
"""Source: https://github.com/opencontainers/image-spec/blob/main/annotations.md (read 2026-11)."""
BUILT = "build"
"""The lineage of an image that belongs to no deployment: ``mlem build`` made it."""


def labels_of(
    recipe: Recipe, model: Model, lineage: str = BUILT, deployment: str = "", name: str | None = None
) -> dict[str, str]:
    """Return the labels of the image of a model.

    Args:
        recipe: What it is made from.
        model: What is in it.
        lineage: Whose it is.
        deployment: The deployment's name.
        name: The name that it gets, with tag; None where somebody else gives it one.
    """
    return {
        **({IMAGE_LABEL: name} if name else {}),
        MODEL_LABEL: model.digest,
        RECIPE_LABEL: recipe.digest,
        VERSIONS_LABEL: recipe.versions,
        DEPLOYMENT_LABEL: deployment,
        LINEAGE_LABEL: lineage,
    }
