"""Whose a container or an image is: a label says it, and something that no copy inherits proves it.

Containers inherit the labels of their image, and images those of the container that they are committed from, or of the
image that they are built on. So a label alone says no more than where something comes from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mlem_image import IMAGE_LABEL, PROMOTED

MADE_FROM_LABEL = "mlem.made_from"
"""Of a container: the id of the image that it was made from; one that is made from a copy comes from another image."""


def is_our_container(labels: Mapping[str, str] | None, image_id: str) -> bool:
    """Say whether mlem made a container.

    Args:
        labels: Its labels.
        image_id: The id of the image that the Engine made it from.
    """
    made_from = (labels or {}).get(MADE_FROM_LABEL)
    return made_from is not None and _digits(made_from) == _digits(image_id)


def is_our_image(labels: Mapping[str, str] | None, names: Sequence[str] | None) -> bool:
    """Say whether mlem made an image.

    Args:
        labels: Its labels.
        names: Its names, with tags.
    """
    return (labels or {}).get(IMAGE_LABEL) in (names or ())


def own_names(labels: Mapping[str, str], names: Sequence[str] | None) -> list[str]:
    """Return the names that an image got from us, the one that it was made under last.

    Without that one nobody knows whose the image is.

    Args:
        labels: Its labels.
        names: Its names, with tags; those in another repository are somebody else's.
    """
    made = labels.get(IMAGE_LABEL)
    if made is None or made not in (names or ()):
        return []
    return [*(name for name in names or () if name != made and _is_beside(name, made)), made]


def _is_beside(name: str, made: str) -> bool:
    """Say whether a name is in the same repository, and not one that another deployment runs the image under."""
    (repository, _, tag), ours = name.rpartition(":"), made.rpartition(":")[0]
    return repository == ours and not tag.startswith(PROMOTED)


def _digits(id_: str) -> str:
    return id_.removeprefix("sha256:")
