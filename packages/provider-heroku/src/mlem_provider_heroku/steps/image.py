"""`ImageStep`: the image of the model in Heroku's registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlem import DeclarationError, UserError
from mlem_image import PushedImageStep
from mlem_provider_heroku.api.limits import IMAGE_LAYERS
from mlem_provider_heroku.names import app_name, place
from mlem_provider_heroku.records import ImageRecord
from mlem_provider_heroku.steps.snapshot import Snapshot

if TYPE_CHECKING:
    from mlem_image import EngineAddress
    from mlem_provider_heroku.deployment import HerokuApp, HerokuContext
    from mlem_provider_heroku.env import HerokuEnv


class ImageStep(PushedImageStep["HerokuApp", "HerokuEnv", ImageRecord]):
    """The image, in the app's part of Heroku's registry.

    Args:
        snapshot: What Heroku said.
    """

    record = ImageRecord
    takes_promoted = True

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def wanted(self, ctx: HerokuContext) -> ImageRecord:
        """Want the image in the registry of this very app: another app has another."""
        return super().wanted(ctx).changed(place=place(ctx))

    def observe(self, ctx: HerokuContext, recorded: ImageRecord) -> ImageRecord | None:
        """Trust the registry as long as there is the app."""
        return None if self._snapshot.gone(ctx) else recorded

    def engine_address(self, ctx: HerokuContext) -> EngineAddress:
        """Return the Engine that builds."""
        return ctx.env.engine

    def repository(self, ctx: HerokuContext) -> str:
        """Return ``<app>/web``.

        Source: Dev Center, "Container Registry & Runtime", "Pushing an existing image" (read 2026-11).
        """
        return f"{app_name(ctx)}/web"

    def registry_host(self, ctx: HerokuContext) -> str:
        """Return Heroku's registry."""
        return ctx.env.registry

    def credentials(self, ctx: HerokuContext) -> Mapping[str, str]:
        """Return the API key as a password. Source: as `repository`, "Logging in to the registry"."""
        from mlem_provider_heroku.api.credentials import api_key

        return {"username": "_", "password": api_key(ctx.env.api_url)}

    def expect_fit(self, ctx: HerokuContext, platform: str, layers: int) -> None:
        """Refuse what Heroku would not start."""
        if platform != "linux/amd64":
            raise DeclarationError(
                f"the image is for {platform}, and Heroku runs linux/amd64", hint="leave --platform out"
            )
        if layers > IMAGE_LAYERS:
            raise UserError(
                f"the image has {layers} layers, and Heroku may not start more than {IMAGE_LAYERS}",
                code="too-many-layers",
                hint="start from an image with fewer: --base_image",
            )
