"""Make the image of a saved model, without Docker; and what every image of one is made from.

The public names are for providers that run images.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem_image.layout import MODEL, PORT, PROBE, USER
    from mlem_image.recipes.options import ImageOptions
    from mlem_image.recipes.pins import FOLDER as PINS_FOLDER
    from mlem_image.recipes.pins import MOST_BYTES as MOST_PINS_BYTES
    from mlem_image.recipes.pins import Pins
    from mlem_image.recipes.recipe import Recipe, build_arguments, expect_versions, read_ca
    from mlem_image.recipes.wheels import Wheel

_HOMES = {
    "MODEL": ("layout", "MODEL"),
    "PORT": ("layout", "PORT"),
    "PROBE": ("layout", "PROBE"),
    "USER": ("layout", "USER"),
    "PINS_FOLDER": ("recipes.pins", "FOLDER"),
    "MOST_PINS_BYTES": ("recipes.pins", "MOST_BYTES"),
    "ImageOptions": ("recipes.options", "ImageOptions"),
    "Pins": ("recipes.pins", "Pins"),
    "Recipe": ("recipes.recipe", "Recipe"),
    "Wheel": ("recipes.wheels", "Wheel"),
    "build_arguments": ("recipes.recipe", "build_arguments"),
    "expect_versions": ("recipes.recipe", "expect_versions"),
    "read_ca": ("recipes.recipe", "read_ca"),
}

__all__ = [
    "MODEL",
    "MOST_PINS_BYTES",
    "PINS_FOLDER",
    "PORT",
    "PROBE",
    "USER",
    "ImageOptions",
    "Pins",
    "Recipe",
    "Wheel",
    "build_arguments",
    "expect_versions",
    "read_ca",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: finding plugins imports this package."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
