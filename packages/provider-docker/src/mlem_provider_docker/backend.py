"""`EngineBackend`: makes the images of deployments on a Docker Engine, and pushes them from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlem import ConflictError
from mlem_image import Recipe, expect_versions
from mlem_provider_docker.api.address import endpoint_of
from mlem_provider_docker.api.sdk import connect
from mlem_provider_docker.images import image
from mlem_provider_docker.images.build import ImageBuild, build
from mlem_provider_docker.images.supplies import supplies

if TYPE_CHECKING:
    from mlem_image import EngineAddress, Fits, Order


class EngineBackend:
    """Makes images on a Docker Engine: for what has to run in them; see `mlem_image.Backend`."""

    keeps = True

    def check(self, order: Order, fits: Fits) -> None:
        """Look for an Engine that builds, and at the versions that the image would have."""
        expect_versions(Recipe.of(order.options, order.model), order.options, order.model)
        connect(endpoint_of(order.engine))

    def push(self, order: Order, name: str, credentials: Mapping[str, str] | None, fits: Fits) -> Mapping[str, Any]:
        """Build the image unless a killed run did, and push it.

        Raises:
            ConflictError: The name is somebody else's image; or it was removed meanwhile.
            PlatformError: The build failed, or the registry does not answer.
        """
        engine = connect(endpoint_of(order.engine))
        found = engine.image(name)
        image.expect_ours(found, name, order.lineage)
        if found is None:
            wanted = ImageBuild.of_deployment(name, order.options, order.model, order.lineage, order.deployment)
            build(engine, wanted, order.report, order.guard, order.recorded)
        made = engine.image(name)
        if made is None:
            raise ConflictError(f"the image {name} was removed while it was made", hint="repeat the command")
        fits(f"{made.get('Os')}/{made.get('Architecture')}", len(made.get("RootFS", {}).get("Layers") or []))
        order.guard()
        digest = image.push(engine, name, order.report, credentials)
        return {"image_id": made["Id"], "digest": digest, **supplies(engine, made)}

    def prune(self, engine: EngineAddress, lineage: str, keep: Sequence[str], report: Callable[[str], None]) -> None:
        """Remove a deployment's images from the Engine."""
        image.remove_old(connect(endpoint_of(engine)), lineage, keep)
