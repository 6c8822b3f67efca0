"""`OwnBackend`: makes images without Docker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem_image.backends.backend import Fits, Order
    from mlem_image.cache.cache import Cache
    from mlem_image.images.plan import Plan
    from mlem_image.recipes.engine_address import EngineAddress

OWN = "image"


class OwnBackend:
    """Makes images without Docker: from wheels, straight to the registry."""

    keeps = False

    def check(self, order: Order, fits: Fits) -> None:
        """See `Backend.check`: the base image is looked at, and the packages are chosen."""
        from mlem_image.cache.cache import Cache

        cache = Cache()
        with cache.used():
            fits(_plan(order, "", cache).platform, 0)

    def push(self, order: Order, name: str, credentials: Mapping[str, str] | None, fits: Fits) -> Mapping[str, Any]:
        """See `Backend.push`."""
        from mlem_image.attached.attaching import documents, push_documents
        from mlem_image.cache.cache import Cache
        from mlem_image.images.making import make
        from mlem_image.packages.locked import lines_of
        from mlem_image.recipes.pins import fits_for
        from mlem_image.registry.connecting import connect_as
        from mlem_image.registry.reference import Reference
        from mlem_image.registry.repository import Repository
        from mlem_image.targets.registry import push

        reference, cache = Reference.parse(name), Cache()
        with cache.used():
            plan = _plan(order, name, cache)
            order.guard()
            image = make(plan, cache, order.report)
            fits(plan.platform, len(image.all_layers))
            repository = Repository(connect_as(reference, credentials), reference.repository)
            digest = push(image, cache, repository, reference.version, order.report, order.guard, docker=True)
            order.guard()
            place = f"{reference.host}/{reference.repository}"
            artifacts = documents(order.options, plan, image, cache, place, docker=True)
            attached = push_documents(artifacts, repository, order.report)
        return {
            "image_id": image.config_digest,
            "digest": digest,
            "documents": list(attached.values()),
            "pins": lines_of(plan.chosen),
            "pins_for": fits_for(plan.wanted.recipe, plan.target.architecture),
            "base_image": plan.base.name,
            "base_digest": plan.base.digest,
        }

    def prune(self, engine: EngineAddress, lineage: str, keep: Sequence[str], report: Callable[[str], None]) -> None:
        """See `Backend.prune`: nothing stays here but the cache, which is bounded."""


def _plan(order: Order, name: str, cache: Cache) -> Plan:
    from mlem_image.images.labels import labels_of
    from mlem_image.images.plan import DEFAULT_PLATFORM, Plan, Wanted
    from mlem_image.recipes.pins import known_pins
    from mlem_image.recipes.recipe import Recipe
    from mlem_image.registry.connecting import connect

    options, recipe = order.options, Recipe.of(order.options, order.model)
    labels = labels_of(recipe, order.model, order.lineage, order.deployment, name)
    platform = recipe.platform or DEFAULT_PLATFORM
    pins = known_pins(recipe, platform.split("/")[1], order.recorded)
    return Plan.of(Wanted(recipe, options, order.model, labels, pins), cache, connect)
