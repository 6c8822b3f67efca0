"""`PushedImageStep`: the image of the model in a platform's own registry, for providers that run images elsewhere."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from mlem import ConflictError, Context, PlatformError, Step
from mlem_image import Recipe, expect_versions
from mlem_provider_docker.api.sdk import connect
from mlem_provider_docker.images import image
from mlem_provider_docker.images.build import ImageBuild, build
from mlem_provider_docker.images.supplies import KEYS, supplies
from mlem_provider_docker.images.tag import image_tag
from mlem_provider_docker.records import PushedImageRecord
from mlem_provider_docker.steps.promoted_image import PromotedImage, kept_image

if TYPE_CHECKING:
    from mlem_image import ImageOptions
    from mlem_provider_docker.api.address import EngineAddress
    from mlem_provider_docker.api.sdk import Engine

_WHENCE = ("promoted", "made_for")
"""What the record of a promoted image says beside the rest."""
DeploymentT = TypeVar("DeploymentT", bound="ImageOptions")
EnvT = TypeVar("EnvT")
RecordT = TypeVar("RecordT", bound=PushedImageRecord)


class PushedImageStep(Step[DeploymentT, EnvT, RecordT]):
    """The image of the model, built on an Engine and pushed to a platform's registry.

    The deployment's class has to inherit from `ImageOptions`, the record's from `PushedImageRecord`. What a platform
    knows is in four methods; the platform's registry keeps the image, so `observe` trusts the record: whether it can be
    run is the business of the step that runs it.

    Attributes:
        takes_promoted: Whether the image of a release that is promoted is pushed as it is, and not built again; the
            deployment's class declares the capability ``promote`` then.
    """

    takes_promoted: ClassVar[bool] = False

    @abstractmethod
    def engine_address(self, ctx: Context[DeploymentT, EnvT]) -> EngineAddress:
        """Return the Engine that builds."""

    @abstractmethod
    def repository(self, ctx: Context[DeploymentT, EnvT]) -> str:
        """Return the image's name in the registry, without host and tag: ``iris-prod/web``.

        Without asking the platform.
        """

    @abstractmethod
    def registry_host(self, ctx: Context[DeploymentT, EnvT]) -> str:
        """Return the registry: ``registry.example.com``; the platform may be asked."""

    @abstractmethod
    def credentials(self, ctx: Context[DeploymentT, EnvT]) -> Mapping[str, str] | None:
        """Return ``username`` and ``password`` for the registry, just before they are needed; None for docker's own."""

    def expect_fit(self, ctx: Context[DeploymentT, EnvT], image: Mapping[str, Any]) -> None:
        """Raise when the platform would not run an image, before it is pushed; by default any will do.

        Args:
            ctx: The run's context.
            image: What the Engine says of it: ``Os``, ``Architecture``, ``RootFS``.
        """

    def wanted(self, ctx: Context[DeploymentT, EnvT]) -> RecordT:
        """Want an image of this model, made by this recipe, in this repository."""
        return self.record(
            model_hash=ctx.model.digest if ctx.model else None,
            recipe=self._recipe(ctx),
            repository=self.repository(ctx),
            tag=self.tag(ctx),
        )

    def tag(self, ctx: Context[DeploymentT, EnvT]) -> str | None:
        """Return the image's tag, without asking the platform: what is in it and whose it is; None without a model."""
        if self.takes_promoted and ctx.model is not None:
            promoted = self._promoted_image(ctx)
            kept = kept_image(ctx, Recipe.of(ctx.deployment, ctx.model).digest, self.record)
            if promoted is not None:
                return promoted.tag(ctx.lineage)
            if kept is not None:
                return kept.tag
        return image_tag(ctx.deployment, ctx.model, ctx.lineage)

    def promoted(self, ctx: Context[DeploymentT, EnvT]) -> str:
        """See `Step.promoted`: the image is not built again."""
        promoted = self._promoted_image(ctx)
        return promoted.describe() if promoted is not None else ""

    def _promoted_image(self, ctx: Context[DeploymentT, EnvT]) -> PromotedImage | None:
        return PromotedImage.of(ctx, self.record) if self.takes_promoted else None

    def _recipe(self, ctx: Context[DeploymentT, EnvT]) -> str | None:
        promoted = self._promoted_image(ctx)
        if promoted is not None:
            return promoted.record.recipe
        return Recipe.of(ctx.deployment, ctx.model).digest if ctx.model else None

    def check(self, ctx: Context[DeploymentT, EnvT], wanted: RecordT, recorded: RecordT | None) -> None:
        """Look for an Engine that builds, and for versions that differ."""
        promoted = self._promoted_image(ctx)
        if promoted is not None:
            promoted.check(ctx, connect(self.engine_address(ctx).endpoint()), self.credentials(ctx))
        elif ctx.model is not None:
            expect_versions(Recipe.of(ctx.deployment, ctx.model), ctx.deployment, ctx.model)
            connect(self.engine_address(ctx).endpoint())

    def apply(self, ctx: Context[DeploymentT, EnvT], wanted: RecordT, recorded: RecordT | None) -> RecordT:
        """Build the image unless a killed run did, and push it; one that is put back is in the registry already.

        Returns:
            ``wanted`` and ``image`` (the whole name), ``image_id`` (digest of its configuration), ``digest`` (of its
            manifest in the registry, as the registry named it), and what it was made from; see
            `mlem_provider_docker.images.supplies`.
        """
        if ctx.model is None:
            earlier = ctx.put_back_of(self.record)
            return (
                wanted
                if earlier is None
                else wanted.changed(**earlier.limited_to(("image", "image_id", "digest", *_WHENCE, *KEYS)).to_data())
            )
        engine = connect(self.engine_address(ctx).endpoint())
        name = f"{self.registry_host(ctx)}/{wanted.repository}:{wanted.tag}"
        found = engine.image(name)
        image.expect_ours(found, name, ctx.lineage)
        promoted, kept = self._promoted_image(ctx), recorded if recorded and recorded.tag == wanted.tag else None
        facts = kept.limited_to(_WHENCE).to_data() if kept is not None and found is not None else {}
        if promoted is not None:
            facts = promoted.facts()
            if found is None:
                promoted.take(ctx, engine, name, self.credentials(ctx))
        elif found is None:
            wanted_image = ImageBuild.of_deployment(name, ctx.deployment, ctx.model, ctx.lineage, ctx.name)
            build(engine, wanted_image, ctx.report, ctx.guard, recorded)
        made = engine.image(name)
        if made is None:
            raise ConflictError(f"the image {name} was removed while it was made", hint="repeat the command")
        self.expect_fit(ctx, made)
        ctx.guard()
        digest = image.push(engine, name, ctx.report, self.credentials(ctx))
        return wanted.changed(image=name, image_id=made["Id"], digest=digest, **supplies(engine, made), **facts)

    def remove(self, ctx: Context[DeploymentT, EnvT], recorded: RecordT | None) -> None:
        """Remove the deployment's images from the Engine.

        Those in the registry belong to the platform's part of the provider.
        """
        self._remove_old(ctx, ())

    def prune(self, ctx: Context[DeploymentT, EnvT], keep: Sequence[RecordT]) -> None:
        """Remove the images that no kept release needs from the Engine."""
        self._remove_old(ctx, [record.image for record in keep if record.image])

    def _remove_old(self, ctx: Context[DeploymentT, EnvT], keep: Sequence[str]) -> None:
        engine = self._engine_if_there(ctx)
        if engine is not None:
            image.remove_old(engine, ctx.lineage, keep)

    def _engine_if_there(self, ctx: Context[DeploymentT, EnvT]) -> Engine | None:
        """Return the Engine; None where it can't be reached: another machine may have built the images."""
        try:
            return connect(self.engine_address(ctx).endpoint())
        except PlatformError as error:
            ctx.report(f"images that were built here stay: {error.message}")
            return None
