"""Images that are promoted: made for one deployment, and named for another that runs the very same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlem import ConflictError
from mlem_image import ImageOptions
from mlem_provider_docker.names import split_name
from mlem_provider_docker.ownership import LINEAGE_LABEL, MODEL_LABEL, PROMOTED, RECIPE_LABEL

if TYPE_CHECKING:
    from mlem import Value
    from mlem_provider_docker.api.sdk import Engine


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


def expect_same_options(options: Value, source: Mapping[str, Any], name: str, promoted_from: str) -> None:
    """Refuse to promote an image to a deployment that declares another one.

    Args:
        options: The deployment's declaration.
        source: The declaration of the release that is promoted.
        name: The deployment.
        promoted_from: The deployment that the image was made for.

    Raises:
        ConflictError: An option of the image differs.
    """
    declared = options.model_dump(mode="json", exclude_defaults=True)
    differing = [one for one in ImageOptions.model_fields if declared.get(one) != source.get(one)]
    if differing:
        one = differing[0]
        raise ConflictError(
            f"{name} declares an image with {one} {_words(declared.get(one))}, "
            f"and that of {promoted_from} was made with {_words(source.get(one))}",
            code="other-recipe",
            hint=f"declare the same for both, or build it: mlem deployment run --load {name}",
        )


def _words(value: Any) -> str:
    return "the default" if value is None else str(value)
