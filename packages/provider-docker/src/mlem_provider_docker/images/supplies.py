"""What an image was made from, as an image itself tells: its packages with their hashes, and the very base image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlem import MlemError
from mlem_image import (
    BASE_LABEL,
    LINEAGE_LABEL,
    MOST_PINS_BYTES,
    PINS_FOLDER,
    SUPPLIES,
    ModelImageRecord,
    Pins,
    Recipe,
    fits,
)
from mlem_image import known_pins as pins_on_record
from mlem_provider_docker.api.files import read_files
from mlem_provider_docker.images.dockerfile import BUILDER_LABEL
from mlem_provider_docker.images.in_image.write_pins import HASHED, UNHASHED
from mlem_provider_docker.ownership import MADE_FROM_LABEL

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine


def known_pins(engine: Engine, recipe: Recipe, recorded: ModelImageRecord | None) -> Pins | None:
    """Return the packages that were chosen for equal requirements; None where they are still to be chosen.

    Args:
        engine: Where the image is built.
        recipe: What it is made from.
        recorded: The record of the deployment's last image.
    """
    if recorded is None or not recorded.knows("pins_for"):
        return None
    return pins_on_record(recipe, recipe.platform.split("/")[1] if recipe.platform else engine.architecture(), recorded)


def supplies(engine: Engine, image: Mapping[str, Any]) -> dict[str, Any]:
    """Say what an image was made from, for its record.

    Args:
        engine: Where it is.
        image: What the Engine says of it.

    Returns:
        ``pins`` (lines), ``pins_for``, ``base_image`` and ``base_digest``: of the manifest in the registry that it is
        from, else of its configuration; empty where the base image is not there any more.
    """
    labels = image["Config"].get("Labels") or {}
    if BASE_LABEL not in labels or BUILDER_LABEL not in labels:  # made by an earlier version
        return {}
    found = (
        list(_pins(engine, image).lines),
        fits(labels[BUILDER_LABEL], str(image.get("Architecture"))),
        labels[BASE_LABEL],
        _base(engine, image, labels[BASE_LABEL]),
    )
    return dict(zip(SUPPLIES, found, strict=True))


def _pins(engine: Engine, image: Mapping[str, Any]) -> Pins:
    """Read the pins out of an image, through a container that is never started.

    One that a kill leaves is removed as the deployment's.
    """
    labels = image["Config"].get("Labels") or {}
    marks = {LINEAGE_LABEL: labels.get(LINEAGE_LABEL, ""), MADE_FROM_LABEL: image["Id"]}
    files = read_files(engine, image["Id"], PINS_FOLDER, MOST_PINS_BYTES, marks)
    text = "".join(files.get(name, b"").decode("utf-8", "replace") for name in (HASHED, UNHASHED))
    return Pins.of(text.splitlines())


def _base(engine: Engine, image: Mapping[str, Any], name: str) -> str:
    try:
        base = engine.image(name)
    except MlemError:
        return ""
    if base is None:
        return ""
    layers = base["RootFS"].get("Layers") or []
    if image["RootFS"]["Layers"][: len(layers)] != layers:
        return ""  # the name means another image by now
    digests = [str(digest).rpartition("@")[2] for digest in base.get("RepoDigests") or ()]
    return digests[0] if digests else str(base["Id"])
