"""`PromotedImage`: the image of a release that is promoted.

It is found on the Engine, or pulled from the registry that the other deployment has it in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from mlem import ConflictError, Context
from mlem_provider_docker.images import image
from mlem_provider_docker.images.promoted import expect_same_options, promoted_tag
from mlem_provider_docker.names import split_name
from mlem_provider_docker.records import ImageRecord, PushedImageRecord

RecordT = TypeVar("RecordT", bound=ImageRecord | PushedImageRecord)

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine


@dataclass(frozen=True)
class PromotedImage:
    """An image that another deployment runs, for the one of a context.

    Attributes:
        source: The name of the other deployment.
        record: What that one has on record of it.
        made_for: The lineage of the deployment that it was made for.
        registry: Whether the other deployment has it in a registry.
    """

    source: str
    record: ImageRecord | PushedImageRecord
    made_for: str
    registry: bool

    @classmethod
    def of(
        cls, ctx: Context[Any, Any], kind: type[ImageRecord] | type[PushedImageRecord] = ImageRecord
    ) -> PromotedImage | None:
        """Return the image of the release that is promoted; None where there is none.

        Args:
            ctx: The context of the run.
            kind: The class of the image's record.
        """
        promotion = ctx.promotion
        record: ImageRecord | PushedImageRecord | None = ctx.promoted_of(kind)
        if record is None or promotion is None or not record.image:
            return None
        env: Any = promotion.declaration.get("env")
        registry = isinstance(record, PushedImageRecord) or bool(isinstance(env, dict) and env.get("registry"))
        return cls(promotion.source, record, record.made_for or promotion.lineage, registry)

    @property
    def address(self) -> str:
        """The image in its registry: by its digest, where the registry told it."""
        name = str(self.record.image)
        return f"{split_name(name)[0]}@{self.record.digest}" if self.record.digest else name

    def tag(self, lineage: str) -> str:
        """Return the tag that it gets for the deployment of a lineage."""
        return promoted_tag(str(self.record.model_hash), str(self.record.recipe), self.made_for, lineage)

    def describe(self) -> str:
        """Say where it comes from, and what it is."""
        return f"promoted from {self.source}, {self.record.digest or self.record.image_id}"

    def check(self, ctx: Context[Any, Any], engine: Engine, credentials: Mapping[str, str] | None = None) -> None:
        """Look whether it may be taken over, and can be had.

        Args:
            ctx: The context of the run.
            engine: The Engine that is to have it.
            credentials: Those of the registry that has it; docker's own when None.

        Raises:
            ConflictError: The declaration means another image, or this one can't be had here.
        """
        if ctx.promotion is not None:
            expect_same_options(ctx.deployment, ctx.promotion.declaration, ctx.name, self.source)
        if self._here(engine) is None and not (self.registry and engine.is_in_registry(self.address, credentials)):
            where = f"nor does its registry have {self.address}" if self.registry else "and it is in no registry"
            raise ConflictError(
                f"the image that {self.source} runs is not on {engine.place().words}, {where}",
                code="image-out-of-reach",
                hint=f"let both envs push to one: --env.registry.host HOST, run {self.source} again, then promote it",
            )

    def take(
        self, ctx: Context[Any, Any], engine: Engine, name: str, credentials: Mapping[str, str] | None = None
    ) -> None:
        """Give it the name of this deployment's image; the other arguments are those of `check`.

        Raises:
            ConflictError: It can't be had any more.
        """
        here = self._here(engine)
        if here is None:
            if not self.registry:
                self.check(ctx, engine, credentials)
            ctx.guard()
            image.pull(engine, self.address, ctx.report, credentials)
            engine.tag(self.address, name)
            engine.remove_image(self.address)  # else it would stay under that name when ours is removed
        else:
            engine.tag(here, name)
        ctx.report(f"the image is {self.describe()}: nothing is built")

    def facts(self) -> dict[str, Any]:
        """Return what a record says of where the image comes from."""
        return {"promoted": self.source, "made_for": self.made_for}

    def _here(self, engine: Engine) -> str | None:
        """Return the Engine's id of it; None where it is not there."""
        found = engine.image(self.record.image_id) if self.record.image_id else None
        return None if found is None else str(found["Id"])


def kept_image(ctx: Context[Any, Any], recipe: str, kind: type[RecordT]) -> RecordT | None:
    """Return the record of an image that was promoted to this deployment, and that a run would build alike.

    Args:
        ctx: The context of the run, with its model.
        recipe: The digest of what a run would build it by.
        kind: The class of the image's record.
    """
    recorded = ctx.record_of(kind)
    if recorded is None or ctx.model is None or not recorded.promoted:
        return None
    same = (recorded.model_hash, recorded.recipe) == (ctx.model.digest, recipe)
    return recorded if same else None
