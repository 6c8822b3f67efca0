"""`ImageStep`: the image of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlem import Change, ConflictError, MlemError, NotFoundError, PluginError, Step
from mlem.provider import differences
from mlem_image import Recipe, expect_versions, image_tag, kept_image
from mlem_provider_docker.images import image
from mlem_provider_docker.images.build import ImageBuild, build
from mlem_provider_docker.images.loading import NEEDS_AN_ENGINE, load
from mlem_provider_docker.images.supplies import supplies
from mlem_provider_docker.names import moving_name, reference, slug, split_name
from mlem_provider_docker.records import ContainerRecord, ImageRecord
from mlem_provider_docker.steps.promoted_image import EngineImage

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine
    from mlem_provider_docker.deployment import DockerContainer, DockerContext
    from mlem_provider_docker.env import DockerEnv
from mlem_provider_docker.steps.engine import engine_of_record, expect_same_engine

_ENGINE = "engine"
_BUILDERS = (_ENGINE, "image")


def _recipe(ctx: DockerContext) -> Recipe | None:
    return Recipe.of(ctx.deployment, ctx.model) if ctx.model else None


def image_name(ctx: DockerContext) -> str | None:
    """Return the image's whole name; None without a model."""
    promoted, recipe = EngineImage.of(ctx, ImageRecord), _recipe(ctx)
    kept = kept_image(ctx, recipe.digest, ImageRecord) if recipe is not None else None
    if promoted is not None:
        tag: str | None = promoted.tag(ctx.lineage)
    elif kept is not None:
        tag = split_name(str(kept.image))[1]
    else:
        tag = image_tag(ctx.deployment, ctx.model, ctx.lineage)
    return reference(ctx.deployment.image_name or f"mlem-{slug(ctx.name)}", tag, ctx.env.registry) if tag else None


def _build(engine: Engine, ctx: DockerContext, wanted: ImageBuild, recorded: ImageRecord | None) -> None:
    """Make an image here and load it; have the Engine build it where that is asked for, or needed."""
    builder = ctx.deployment.builder or ctx.image_builder
    if builder not in (None, *_BUILDERS):
        raise PluginError(f'there is no builder of images "{builder}" for an Engine', known=sorted(_BUILDERS))
    if builder != _ENGINE:
        try:
            load(engine, wanted, ctx.report, ctx.guard, recorded)
        except MlemError as error:
            if builder is not None or error.code not in NEEDS_AN_ENGINE:
                raise
            ctx.report(f"the Engine builds the image: {error.message.splitlines()[0]}")
        else:
            return
    build(engine, wanted, ctx.report, ctx.guard, recorded)


def _earlier(ctx: DockerContext, name: str, recorded: ImageRecord | None) -> ImageRecord | None:
    """Return what is on record of an image of this name: now, or in the release that is put back."""
    known = (recorded, ctx.put_back_of(ImageRecord))
    return next((record for record in known if record is not None and record.image == name), None)


class ImageStep(Step["DockerContainer", "DockerEnv", ImageRecord]):
    """The image of the model."""

    record = ImageRecord

    def wanted(self, ctx: DockerContext) -> ImageRecord:
        """Want an image of this model, made by this recipe."""
        promoted = EngineImage.of(ctx, ImageRecord)
        recipe = None if promoted is not None else _recipe(ctx)
        return ImageRecord(
            model_hash=ctx.model.digest if ctx.model else None,
            recipe=promoted.record.recipe if promoted is not None else recipe.digest if recipe else None,
            image=image_name(ctx),
            image_tag=ctx.deployment.image_tag,
            engine=ctx.env.where,
        )

    def observe(self, ctx: DockerContext, recorded: ImageRecord) -> ImageRecord | None:
        """Look whether the image is there, and the same."""
        found = engine_of_record(ctx, recorded).image(str(recorded.image))
        return recorded if found is not None and found["Id"] == recorded.image_id else None

    def change(self, recorded: ImageRecord, wanted: ImageRecord) -> Change:
        """Another image is built beside the one that serves."""
        return Change(self.name, "update", differences(recorded, wanted))

    def apply(self, ctx: DockerContext, wanted: ImageRecord, recorded: ImageRecord | None) -> ImageRecord:
        """Adopt the image that a killed run built; else build it. Push it where there is a registry."""
        expect_same_engine(ctx, wanted, recorded)
        engine = engine_of_record(ctx, wanted)
        name = str(wanted.image)
        found = engine.image(name)
        image.expect_ours(found, name, ctx.lineage)
        extra = moving_name(name, wanted.image_tag)
        if extra:
            image.expect_ours(engine.image(extra), extra, ctx.lineage)
        promoted, earlier = EngineImage.of(ctx, ImageRecord), _earlier(ctx, name, recorded)
        facts: dict[str, Any] = {"digest": earlier.digest} if earlier is not None and earlier.digest else {}
        if promoted is not None:
            facts = promoted.facts()
            if found is None:
                promoted.take(ctx, engine, name)
        else:
            if found is None:
                self._make(engine, ctx, wanted, recorded)
            elif earlier is not None and earlier.promoted:
                facts |= {"promoted": earlier.promoted, "made_for": earlier.made_for}
        names = [name, extra] if extra else [name]
        if extra:
            engine.tag(name, extra)
        if ctx.env.registry is not None and ctx.model is not None:
            for each in names:
                ctx.guard()
                digest = image.push(engine, each, ctx.report)
                facts |= {"digest": digest} if digest else {}
        made = engine.image(name)
        if made is None:
            raise ConflictError(f"the image {name} was removed while it was made", hint="repeat the command")
        return wanted.changed(image_id=made["Id"], **supplies(engine, made), **facts)

    def promoted(self, ctx: DockerContext) -> str:
        """See `Step.promoted`: the image is not built again."""
        promoted = EngineImage.of(ctx, ImageRecord)
        return promoted.describe() if promoted is not None else ""

    def check(self, ctx: DockerContext, wanted: ImageRecord, recorded: ImageRecord | None) -> None:
        """Look for strangers' images of the names, and for versions that differ."""
        expect_same_engine(ctx, wanted, recorded)
        engine = engine_of_record(ctx, wanted)
        image_name = str(wanted.image)
        for name in filter(None, (image_name, moving_name(image_name, wanted.image_tag))):
            image.expect_ours(engine.image(name), name, ctx.lineage)
        promoted = EngineImage.of(ctx, ImageRecord)
        if promoted is not None:
            promoted.check(ctx, engine)
            return
        recipe = _recipe(ctx)
        if ctx.model is not None and recipe is not None and engine.image(image_name) is None:
            expect_versions(recipe, ctx.deployment, ctx.model)

    def _make(self, engine: Engine, ctx: DockerContext, wanted: ImageRecord, recorded: ImageRecord | None) -> None:
        name = str(wanted.image)
        if ctx.model is not None:
            # one that was promoted and is lost is built here, from the same model by the same recipe
            made = ImageBuild.of_deployment(name, ctx.deployment, ctx.model, ctx.lineage, ctx.name)
            _build(engine, ctx, made, recorded)
        elif ctx.env.registry is not None:
            image.pull(engine, name, ctx.report)
        else:
            raise NotFoundError(
                f"the image {name} of model {wanted.model_hash} is gone",
                code="image-not-found",
                hint="deploy that model again",
            )

    def remove(self, ctx: DockerContext, recorded: ImageRecord | None) -> None:
        """Remove every image of this deployment."""
        image.remove_old(engine_of_record(ctx, recorded), ctx.lineage, (), [recorded.image_id] if recorded else ())

    def prune(self, ctx: DockerContext, keep: Sequence[ImageRecord]) -> None:
        """Remove the images that no kept release needs: none does while a container of MLEM 0.4 serves again."""
        known = keep[0] if keep else ctx.record_of(ContainerRecord)
        if known is not None:
            image.remove_old(engine_of_record(ctx, known), ctx.lineage, [str(record.image) for record in keep])
