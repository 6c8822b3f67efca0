"""The labels of an image: what is in it, and what it was made by."""

from __future__ import annotations

from mlem import Model
from mlem_image.recipes.recipe import Recipe

MODEL_LABEL = "mlem.model_hash"
"""The model in it."""
RECIPE_LABEL = "mlem.recipe"
"""What it was made by."""
VERSIONS_LABEL = "mlem.versions"
BASE_LABEL = "org.opencontainers.image.base.name"
"""Source: https://github.com/opencontainers/image-spec/blob/main/annotations.md (read 2026-11)."""


def labels_of(recipe: Recipe, model: Model) -> dict[str, str]:
    """Return the labels of the image of a model that belongs to no deployment."""
    return {
        BASE_LABEL: recipe.base_image,
        MODEL_LABEL: model.digest,
        RECIPE_LABEL: recipe.digest,
        VERSIONS_LABEL: recipe.versions,
    }
