"""The tag of a deployment's image."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlem import Model
    from mlem_image import ImageOptions


def image_tag(options: ImageOptions, model: Model | None, lineage: str) -> str | None:
    """Return the tag of a deployment's image, which says what is in it and whose it is; None without a model.

    Args:
        options: How it is made.
        model: What is in it.
        lineage: Whose it is.
    """
    from mlem_image import Recipe
    from mlem_provider_docker.images.image import tag_of  # late: it brings what builds

    return tag_of(Recipe.of(options, model), model, lineage) if model is not None else None
