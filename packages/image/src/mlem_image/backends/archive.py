"""`Archive`: an image as an archive for an Engine, without the layers that it has already."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlem_image.base.base_image import BaseImage
    from mlem_image.cache.cache import Cache
    from mlem_image.images.image import Image
    from mlem_image.images.plan import Wanted


@dataclass(frozen=True)
class Archive:
    """An image that can be written.

    Attributes:
        image: The image.
        cache: Where its layers are; it is in use.
    """

    image: Image
    cache: Cache

    @property
    def diff_ids(self) -> list[str]:
        """The digests of what is in its layers, the lowest first."""
        return [layer.diff_id for layer in self.image.all_layers]

    def size_bytes(self, known: int = 0) -> int:
        """Return how much is written, about; see `parts`."""
        return sum(layer.size_bytes for layer in self.image.all_layers[known:])

    def parts(self, name: str, known: int = 0) -> Iterator[bytes]:
        """Yield the archive.

        Args:
            name: The image's name, with tag.
            known: So many of its layers, from the lowest on, whoever reads it has.
        """
        from mlem_image.targets.layout import engine_archive

        yield from engine_archive(self.image, self.cache, name, known)


@contextlib.contextmanager
def archived(wanted: Wanted, base: BaseImage, report: Callable[[str], None]) -> Iterator[Archive]:
    """Make an image on top of a base image that somebody else has looked up; return a context with it.

    Args:
        wanted: The image.
        base: What it starts from.
        report: Called with lines of progress.

    Raises:
        MlemError: It can't be made; see `Plan.of` and `make`.
    """
    from mlem_image.cache.cache import Cache
    from mlem_image.images.making import make
    from mlem_image.images.plan import Plan

    cache = Cache()
    with cache.used():
        yield Archive(make(Plan.on(wanted, base, cache), cache, report), cache)
