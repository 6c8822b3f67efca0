"""Make the image of a saved model, without Docker; and what every image of one is made from.

The public names are for providers that run images.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem_image.backends.archive import Archive, archived
    from mlem_image.backends.backend import Backend, Fits, Order
    from mlem_image.base.base_image import BaseImage, BlobOf
    from mlem_image.images.labels import (
        BASE_LABEL,
        BUILT,
        DEPLOYMENT_LABEL,
        IMAGE_LABEL,
        LINEAGE_LABEL,
        MODEL_LABEL,
        RECIPE_LABEL,
        labels_of,
    )
    from mlem_image.images.plan import Wanted
    from mlem_image.images.tags import PROMOTED, image_tag, promoted_tag
    from mlem_image.layout import MODEL, PORT, PROBE, USER
    from mlem_image.pushed.promoted import PromotedImage, kept_image
    from mlem_image.pushed.record import SUPPLIES, ModelImageRecord, PushedImageRecord
    from mlem_image.pushed.step import PushedImageStep
    from mlem_image.recipes.engine_address import EngineAddress
    from mlem_image.recipes.options import BuildOptions, ImageOptions, PushedImageOptions
    from mlem_image.recipes.pins import FOLDER as PINS_FOLDER
    from mlem_image.recipes.pins import MOST_BYTES as MOST_PINS_BYTES
    from mlem_image.recipes.pins import Pins, fits, known_pins
    from mlem_image.recipes.recipe import Recipe, build_arguments, expect_versions, read_ca
    from mlem_image.recipes.wheels import Wheel

_HOMES = {
    "BASE_LABEL": ("images.labels", "BASE_LABEL"),
    "BUILT": ("images.labels", "BUILT"),
    "DEPLOYMENT_LABEL": ("images.labels", "DEPLOYMENT_LABEL"),
    "IMAGE_LABEL": ("images.labels", "IMAGE_LABEL"),
    "LINEAGE_LABEL": ("images.labels", "LINEAGE_LABEL"),
    "MODEL": ("layout", "MODEL"),
    "MODEL_LABEL": ("images.labels", "MODEL_LABEL"),
    "MOST_PINS_BYTES": ("recipes.pins", "MOST_BYTES"),
    "PINS_FOLDER": ("recipes.pins", "FOLDER"),
    "PORT": ("layout", "PORT"),
    "PROBE": ("layout", "PROBE"),
    "PROMOTED": ("images.tags", "PROMOTED"),
    "RECIPE_LABEL": ("images.labels", "RECIPE_LABEL"),
    "SUPPLIES": ("pushed.record", "SUPPLIES"),
    "USER": ("layout", "USER"),
    "Archive": ("backends.archive", "Archive"),
    "Backend": ("backends.backend", "Backend"),
    "BaseImage": ("base.base_image", "BaseImage"),
    "BlobOf": ("base.base_image", "BlobOf"),
    "BuildOptions": ("recipes.options", "BuildOptions"),
    "EngineAddress": ("recipes.engine_address", "EngineAddress"),
    "Fits": ("backends.backend", "Fits"),
    "ImageOptions": ("recipes.options", "ImageOptions"),
    "ModelImageRecord": ("pushed.record", "ModelImageRecord"),
    "Order": ("backends.backend", "Order"),
    "Pins": ("recipes.pins", "Pins"),
    "PromotedImage": ("pushed.promoted", "PromotedImage"),
    "PushedImageRecord": ("pushed.record", "PushedImageRecord"),
    "PushedImageOptions": ("recipes.options", "PushedImageOptions"),
    "PushedImageStep": ("pushed.step", "PushedImageStep"),
    "Recipe": ("recipes.recipe", "Recipe"),
    "Wanted": ("images.plan", "Wanted"),
    "Wheel": ("recipes.wheels", "Wheel"),
    "archived": ("backends.archive", "archived"),
    "build_arguments": ("recipes.recipe", "build_arguments"),
    "expect_versions": ("recipes.recipe", "expect_versions"),
    "fits": ("recipes.pins", "fits"),
    "image_tag": ("images.tags", "image_tag"),
    "kept_image": ("pushed.promoted", "kept_image"),
    "known_pins": ("recipes.pins", "known_pins"),
    "labels_of": ("images.labels", "labels_of"),
    "promoted_tag": ("images.tags", "promoted_tag"),
    "read_ca": ("recipes.recipe", "read_ca"),
}

__all__ = [
    "BASE_LABEL",
    "BUILT",
    "DEPLOYMENT_LABEL",
    "IMAGE_LABEL",
    "LINEAGE_LABEL",
    "MODEL",
    "MODEL_LABEL",
    "MOST_PINS_BYTES",
    "PINS_FOLDER",
    "PORT",
    "PROBE",
    "PROMOTED",
    "RECIPE_LABEL",
    "SUPPLIES",
    "USER",
    "Archive",
    "Backend",
    "BaseImage",
    "BlobOf",
    "BuildOptions",
    "EngineAddress",
    "Fits",
    "ImageOptions",
    "ModelImageRecord",
    "Order",
    "Pins",
    "PromotedImage",
    "PushedImageOptions",
    "PushedImageRecord",
    "PushedImageStep",
    "Recipe",
    "Wanted",
    "Wheel",
    "archived",
    "build_arguments",
    "expect_versions",
    "fits",
    "image_tag",
    "kept_image",
    "known_pins",
    "labels_of",
    "promoted_tag",
    "read_ca",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: finding plugins imports this package."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
