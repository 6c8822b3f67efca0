"""The tags of images: they say what is in an image and whose it is, so that a name never means another one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlem import Model
    from mlem_image.recipes.options import ImageOptions

PROMOTED = "promoted-"
"""What the tag begins with under which a deployment runs an image that was made for another one."""


def image_tag(options: ImageOptions, model: Model | None, lineage: str) -> str | None:
    """Return the tag of a deployment's image; None without a model.

    Args:
        options: How it is made.
        model: What is in it.
        lineage: Whose it is.
    """
    from mlem_image.recipes.recipe import Recipe  # late: it brings what builds

    if model is None:
        return None
    identity = hashlib.sha256(f"{Recipe.of(options, model).digest}/{lineage}".encode()).hexdigest()
    return f"{model.digest[:12]}-{identity[:12]}"


def promoted_tag(model_hash: str, recipe: str, made_for: str, lineage: str) -> str:
    """Return the tag of an image that was made for one deployment, and is run by another.

    It is made from what the image's labels say, so that the image itself tells whose the name is.

    Args:
        model_hash: The model in it.
        recipe: The digest of what it was made by.
        made_for: The lineage of the deployment that it was made for.
        lineage: That of the one that runs it.
    """
    identity = hashlib.sha256(f"{recipe}/{made_for}/{lineage}".encode()).hexdigest()
    return f"{PROMOTED}{model_hash[:12]}-{identity[:12]}"
