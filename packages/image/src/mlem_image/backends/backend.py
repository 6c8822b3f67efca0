"""`Backend`: what makes the image of a deployment and pushes it to a registry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from mlem import Model
    from mlem_image.pushed.record import PushedImageRecord
    from mlem_image.recipes.engine_address import EngineAddress
    from mlem_image.recipes.options import PushedImageOptions


@dataclass(frozen=True)
class Order:
    """An image that is to be made and pushed.

    Attributes:
        options: How it is made.
        model: What is in it.
        lineage: Whose it is.
        deployment: The deployment's name.
        engine: The Docker Engine of the deployment's env, for who builds with one.
        report: Called with lines of progress.
        guard: Called before each action; what it raises ends the work.
        recorded: The record of the deployment's last image: the packages that were chosen for it are taken again where
            they fit.
    """

    options: PushedImageOptions
    model: Model
    lineage: str
    deployment: str
    engine: EngineAddress
    report: Callable[[str], None]
    guard: Callable[[], None]
    recorded: PushedImageRecord | None = None


Fits = Callable[[str, int], None]
"""Called with the platform of an image, ``linux/amd64``, and the number of its layers; raises where it won't do."""


class Backend(Protocol):
    """What makes and pushes images; it is found by its name as an entry point of the group ``mlem_image.backends``.

    Attributes:
        keeps: Whether its images stay on an Engine, from where `prune` removes them.
    """

    keeps: bool

    def check(self, order: Order, fits: Fits) -> None:
        """Raise what would make `push` fail and can be known before anything is changed.

        Raises:
            MlemError: The image can't be made.
        """

    def push(self, order: Order, name: str, credentials: Mapping[str, str] | None, fits: Fits) -> Mapping[str, Any]:
        """Make the image, and push it; one that a killed run has made is taken.

        Args:
            order: What is to be made.
            name: Its whole name: ``registry.example.com/team/iris:1``.
            credentials: ``username`` and ``password`` for the registry; None for docker's own.
            fits: Called before it is pushed.

        Returns:
            ``image_id`` (digest of its configuration), ``digest`` (of its manifest in the registry, None where that
            is not told), what it was made from, ``pins``, ``pins_for``, ``base_image``, ``base_digest``, and
            ``documents``, the digests of what was pushed beside it, if anything was.

        Raises:
            MlemError: It can't be made, or the registry refuses.
        """

    def prune(self, engine: EngineAddress, lineage: str, keep: Sequence[str], report: Callable[[str], None]) -> None:
        """Remove a deployment's images from where they were made.

        Args:
            engine: The Docker Engine of the deployment's env.
            lineage: Whose.
            keep: The names of images that stay.
            report: Called with lines of progress.
        """
