"""`EngineImage`: the image of a release that is promoted, found on the Engine or in the other deployment's registry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlem import ConflictError, Context
from mlem_image import PromotedImage
from mlem_provider_docker.images import image
from mlem_provider_docker.records import ImageRecord

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine


@dataclass(frozen=True)
class EngineImage(PromotedImage[ImageRecord]):
    """An image that another deployment runs, for the one of a context."""

    def check(self, ctx: Context[Any, Any], engine: Engine) -> None:
        """Look whether it may be taken over, and can be had.

        Args:
            ctx: The context of the run.
            engine: The Engine that is to have it.

        Raises:
            ConflictError: The declaration means another image, or this one can't be had here.
        """
        self.expect_same_options(ctx)
        pushed = self._is_pushed(ctx)
        if self._here(engine) is None and not (pushed and engine.is_in_registry(self.address)):
            where = f"nor does its registry have {self.address}" if pushed else "and it is in no registry"
            raise ConflictError(
                f"the image that {self.source} runs is not on {engine.place().words}, {where}",
                code="image-out-of-reach",
                hint=f"let both envs push to one: --env.registry.host HOST, run {self.source} again, then promote it",
            )

    def take(self, ctx: Context[Any, Any], engine: Engine, name: str) -> None:
        """Give it the name of this deployment's image; the other arguments are those of `check`.

        Raises:
            ConflictError: It can't be had any more.
        """
        here = self._here(engine)
        if here is None:
            if not self._is_pushed(ctx):
                self.check(ctx, engine)
            ctx.guard()
            image.pull(engine, self.address, ctx.report)
            engine.tag(self.address, name)
            engine.remove_image(self.address)  # else it would stay under that name when ours is removed
        else:
            engine.tag(here, name)
        ctx.report(f"the image is {self.describe()}: nothing is built")

    def _is_pushed(self, ctx: Context[Any, Any]) -> bool:
        """Whether the other deployment has it in a registry."""
        env: Any = ctx.promotion.declaration.get("env") if ctx.promotion is not None else None
        return bool(isinstance(env, dict) and env.get("registry"))

    def _here(self, engine: Engine) -> str | None:
        """Return the Engine's id of it; None where it is not there."""
        found = engine.image(self.record.image_id) if self.record.image_id else None
        return None if found is None else str(found["Id"])
