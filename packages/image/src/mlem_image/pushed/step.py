"""`PushedImageStep`: the image of the model in a platform's own registry, for providers that run images elsewhere."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar

from mlem import Context, PlatformError, PluginError, Step
from mlem_image.backends.backend import Order
from mlem_image.backends.finding import backend
from mlem_image.backends.own import OWN
from mlem_image.images.tags import image_tag
from mlem_image.pushed.promoted import PromotedImage, kept_image
from mlem_image.pushed.record import SUPPLIES, PushedImageRecord
from mlem_image.recipes.options import PushedImageOptions
from mlem_image.recipes.recipe import Recipe
from mlem_image.signing.key import Key

if TYPE_CHECKING:
    from mlem_image.backends.backend import Backend
    from mlem_image.recipes.engine_address import EngineAddress

_WHENCE = ("promoted", "made_for")
"""What the record of a promoted image says beside the rest."""
ENGINE = "engine"
DeploymentT = TypeVar("DeploymentT", bound=PushedImageOptions)
EnvT = TypeVar("EnvT")
RecordT = TypeVar("RecordT", bound=PushedImageRecord)


class PushedImageStep(Step[DeploymentT, EnvT, RecordT]):
    """The image of the model, in a platform's registry.

    The deployment's class has to inherit from `PushedImageOptions`, the record's from `PushedImageRecord`. What a
    platform knows is in a few methods; its registry keeps the image, so `observe` trusts the record: whether it can be
    run is the business of the step that runs it.

    Attributes:
        takes_promoted: Whether the image of a release that is promoted is taken as it is, and not made again; the
            deployment's class declares the capability ``promote`` then.
    """

    takes_promoted: ClassVar[bool] = False

    @abstractmethod
    def engine_address(self, ctx: Context[DeploymentT, EnvT]) -> EngineAddress:
        """Return the Engine that builds, where one does."""

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

    def expect_fit(self, ctx: Context[DeploymentT, EnvT], platform: str, layers: int) -> None:
        """Raise when the platform would not run an image, before it is pushed; by default any will do.

        Args:
            ctx: The run's context.
            platform: The image's: ``linux/amd64``.
            layers: How many layers it has; 0 while that is not known.
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
        """See `Step.promoted`: the image is not made again."""
        promoted = self._promoted_image(ctx)
        return promoted.describe() if promoted is not None else ""

    def check(self, ctx: Context[DeploymentT, EnvT], wanted: RecordT, recorded: RecordT | None) -> None:
        """Look for what keeps an image from being made, or from being taken over."""
        promoted = self._promoted_image(ctx)
        if ctx.model is not None:
            Key.of(ctx.deployment)
        if promoted is not None:
            from mlem_image.targets.copying import expect_there

            promoted.expect_same_options(ctx)
            expect_there(promoted.address, promoted.source, self.credentials(ctx))
        elif ctx.model is not None:
            order = self._order(ctx, recorded)
            self._backend(ctx).check(order, lambda platform, layers: self.expect_fit(ctx, platform, layers))

    def apply(self, ctx: Context[DeploymentT, EnvT], wanted: RecordT, recorded: RecordT | None) -> RecordT:
        """Make the image, and push it; one that is put back is in the registry already.

        Returns:
            ``wanted`` and ``image`` (the whole name), ``image_id`` (digest of its configuration), ``digest`` (of its
            manifest in the registry), and what it was made from.
        """
        if ctx.model is None:
            earlier = ctx.put_back_of(self.record)
            if earlier is None:
                return wanted
            kept = ("image", "image_id", "digest", "on_engine", *_WHENCE, *SUPPLIES)
            return wanted.changed(**earlier.limited_to(kept).to_data())
        name = f"{self.registry_host(ctx)}/{wanted.repository}:{wanted.tag}"
        promoted = self._promoted_image(ctx)
        before = recorded is not None and _may_be_on_engine(recorded)
        if promoted is not None:
            from mlem_image.targets.copying import copy

            ctx.report(f"the image is {promoted.describe()}: nothing is built")
            digest = copy(promoted.address, name, self.credentials(ctx), ctx.report, ctx.guard)
            self._sign(ctx, name, [digest])
            facts = {"image_id": promoted.image_id, "digest": digest, **promoted.facts(), **promoted.record.supplies}
            return wanted.changed(image=name, on_engine=before, **facts)
        made_by = self._backend(ctx)
        made = dict(
            made_by.push(
                self._order(ctx, recorded),
                name,
                self.credentials(ctx),
                lambda platform, layers: self.expect_fit(ctx, platform, layers),
            )
        )
        self._sign(ctx, name, [made["digest"], *made.pop("documents", ())])
        whence = recorded.limited_to(_WHENCE).to_data() if recorded is not None and recorded.tag == wanted.tag else {}
        return wanted.changed(image=name, on_engine=made_by.keeps or before, **made, **whence)

    def remove(self, ctx: Context[DeploymentT, EnvT], recorded: RecordT | None) -> None:
        """Remove the deployment's images from the Engine that built them, if one did.

        Those in the registry belong to the platform's part of the provider.
        """
        if recorded is None or _may_be_on_engine(recorded):
            self._remove_old(ctx, (), needed=recorded is not None)

    def prune(self, ctx: Context[DeploymentT, EnvT], keep: Sequence[RecordT]) -> None:
        """Remove the images that no kept release needs from the Engine that built them."""
        if any(map(_may_be_on_engine, keep)):
            self._remove_old(ctx, [record.image for record in keep if record.image], needed=True)

    def _sign(self, ctx: Context[DeploymentT, EnvT], name: str, digests: Sequence[str | None]) -> None:
        """Sign an image, and what was pushed beside it, where the deployment says so."""
        key = Key.of(ctx.deployment)
        if key is None:
            return
        from mlem_image.registry.connecting import connect_as
        from mlem_image.registry.reference import Reference
        from mlem_image.registry.repository import Repository
        from mlem_image.signing.signature import signed

        known = [digest for digest in digests if digest]
        if len(known) < len(digests):
            raise PlatformError(f"the registry does not tell the digest of {name}, so it can't be signed")
        reference = Reference.parse(name)
        repository = Repository(connect_as(reference, self.credentials(ctx)), reference.repository)
        ctx.report(f"signed: {signed(repository, known, key)}")

    def _remove_old(self, ctx: Context[DeploymentT, EnvT], keep: Sequence[str], *, needed: bool) -> None:
        try:
            backend(ENGINE).prune(self.engine_address(ctx), ctx.lineage, keep, ctx.report)
        except (PlatformError, PluginError) as error:  # another machine may have built them
            if needed:
                ctx.report(f"images that were built here stay: {error.message}")

    def _promoted_image(self, ctx: Context[DeploymentT, EnvT]) -> PromotedImage[RecordT] | None:
        return PromotedImage.of(ctx, self.record) if self.takes_promoted else None

    def _recipe(self, ctx: Context[DeploymentT, EnvT]) -> str | None:
        promoted = self._promoted_image(ctx)
        if promoted is not None:
            return promoted.record.recipe
        return Recipe.of(ctx.deployment, ctx.model).digest if ctx.model else None

    def _backend(self, ctx: Context[DeploymentT, EnvT]) -> Backend:
        return backend(ctx.deployment.builder or ctx.image_builder or OWN)

    def _order(self, ctx: Context[DeploymentT, EnvT], recorded: RecordT | None) -> Order:
        assert ctx.model is not None  # noqa: S101  # whoever asks has one
        engine = self.engine_address(ctx)
        return Order(ctx.deployment, ctx.model, ctx.lineage, ctx.name, engine, ctx.report, ctx.guard, recorded)


def _may_be_on_engine(record: PushedImageRecord) -> bool:
    """Whether images of the deployment may be on an Engine: before there was another way, all were."""
    return record.on_engine if record.knows("on_engine") else record.image is not None
