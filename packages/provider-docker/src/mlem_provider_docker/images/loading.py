"""Making the image of a model here, and loading it into an Engine: nothing of it runs for that.

What the Engine has of it is not sent: the base image's layers, and those that an earlier image of a model shares.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlem import PlatformError
from mlem.provider import size_in_words
from mlem_image import MODEL_LABEL, Wanted, archived
from mlem_provider_docker.images.base import base_image
from mlem_provider_docker.images.dockerfile import BUILDER_LABEL, SERVER_LABEL
from mlem_provider_docker.images.supplies import known_pins

if TYPE_CHECKING:
    from mlem_image import Archive, ModelImageRecord
    from mlem_provider_docker.api.sdk import Engine
    from mlem_provider_docker.images.build import ImageBuild

NEEDS_AN_ENGINE = (
    *("needs-a-run", "no-wheel", "no-package", "no-index", "not-pinned", "secret-in-address"),
    *("bad-image", "bad-platform", "not-installed"),
)
"""What keeps an image from being made here, and may be no hindrance for an Engine."""


def load(
    engine: Engine,
    wanted: ImageBuild,
    report: Callable[[str], None],
    guard: Callable[[], None],
    recorded: ModelImageRecord | None,
) -> None:
    """Make the image of a model here, and load it.

    Args:
        engine: Where to.
        wanted: The image.
        report: Called with lines of progress.
        guard: Called between steps; what it raises ends the work.
        recorded: The record of the deployment's last image: the packages that were chosen for it are taken again where
            they fit.

    Raises:
        MlemError: It can't be made here, see `NEEDS_AN_ENGINE`; or the Engine does not take it.
    """
    recipe = wanted.recipe
    labels = {**wanted.labels, BUILDER_LABEL: recipe.requirements_digest, SERVER_LABEL: recipe.server}
    pins, options = known_pins(engine, recipe, recorded), wanted.options
    platform = recipe.platform or f"linux/{engine.architecture()}"
    made = Wanted(replace(recipe, platform=platform), options, wanted.model, labels, pins)
    with ExitStack() as stack:
        base = stack.enter_context(base_image(engine, recipe.base_image, report))
        archive = stack.enter_context(archived(made, base, report))
        guard()
        known = max(len(base.layers), _known(engine, archive.diff_ids))
        try:
            _load(engine, archive, wanted.name, known, report)
        except PlatformError:  # what it had was removed meanwhile, or it wants all
            guard()
            _load(engine, archive, wanted.name, 0, report)


def _load(engine: Engine, archive: Archive, name: str, known: int, report: Callable[[str], None]) -> None:
    report(f"loading the image into the Engine ({size_in_words(archive.size_bytes(known))})")
    error = ""
    for message in engine.load(archive.parts(name, known), name):
        error = str(message.get("error") or "") or error
    if error or engine.image(name) is None:
        raise PlatformError(f"could not load the image {name}: {error or 'the Engine does not have it'}")


def _known(engine: Engine, diff_ids: list[str]) -> int:
    """Return how many layers of an image, from the lowest on, another image of a model has there."""
    most = 0
    for found in engine.images(MODEL_LABEL):
        inspected: dict[str, Any] = engine.image(str(found["Id"])) or {}
        layers = (inspected.get("RootFS") or {}).get("Layers") or []
        alike = next((at for at, (one, other) in enumerate(zip(layers, diff_ids, strict=False)) if one != other), None)
        most = max(most, min(len(layers), len(diff_ids)) if alike is None else alike)
    return most
