"""The hooks of this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem import hookimpl

if TYPE_CHECKING:
    from mlem import Builder

api_version = 1


@hookimpl
def mlem_builders() -> Sequence[type[Builder]]:
    """Return the builder of an image without Docker."""
    from mlem_image.builder import ImageBuilder

    return [ImageBuilder]
