"""The steps of the image: the repository in ECR, and what is pushed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from mlem import Change, ConflictError, MlemError, NotFoundError, Step
from mlem.provider import differences
from mlem_image import EngineAddress, PushedImageRecord, PushedImageStep
from mlem_provider_sagemaker.api import ecr
from mlem_provider_sagemaker.api.ecr import login
from mlem_provider_sagemaker.api.errors import denied
from mlem_provider_sagemaker.names import tags_of
from mlem_provider_sagemaker.records import RepositoryRecord
from mlem_provider_sagemaker.steps import wanted_records
from mlem_provider_sagemaker.steps.snapshot import Snapshot
from mlem_provider_sagemaker.steps.wanted_records import account_of

if TYPE_CHECKING:
    from mlem_provider_sagemaker.deployment import SagemakerContext, SagemakerDeployment
    from mlem_provider_sagemaker.env import SagemakerEnv


def repository_of(ctx: SagemakerContext) -> RepositoryRecord:
    """Return the record of the repository.

    Raises:
        NotFoundError: There is none.
    """
    found = ctx.record_of(RepositoryRecord)
    if found is None:
        raise NotFoundError(
            f'"{ctx.name}" has no repository', code="not-deployed", hint=f"mlem deployment run --load {ctx.name}"
        )
    return found


def image_of(ctx: SagemakerContext) -> str:
    """Return the name of the image on record: by its digest, so that every new instance runs this very image.

    Raises:
        NotFoundError: There is none.
    """
    image, repository = ctx.record_of(PushedImageRecord), repository_of(ctx)
    if image is None or image.image is None:
        raise NotFoundError(
            f'"{ctx.name}" has no image', code="not-deployed", hint=f"mlem deployment run --load {ctx.name}"
        )
    return f"{repository.uri}@{image.digest}" if image.digest else image.image


class RepositoryStep(Step["SagemakerDeployment", "SagemakerEnv", RepositoryRecord]):
    """The repository in ECR."""

    record = RepositoryRecord

    def wanted(self, ctx: SagemakerContext) -> RepositoryRecord:
        """Want a repository of this name in this region."""
        return RepositoryRecord(repository=wanted_records.repository(ctx), region=ctx.env.region)

    def change(self, recorded: RepositoryRecord, wanted: RepositoryRecord) -> Change:
        """Another repository is made beside the one with the older images."""
        return Change(self.name, "update", differences(recorded, wanted))

    def check(self, ctx: SagemakerContext, wanted: RepositoryRecord, recorded: RepositoryRecord | None) -> None:
        """Refuse another region: the resources in the first one would be forgotten."""
        if recorded is not None and recorded.region != wanted.region:
            before, now = (record.region or "the default region" for record in (recorded, wanted))
            raise ConflictError(
                f'"{ctx.name}" is in {before}, but its env is now in {now}',
                code="other-region",
                hint=f"remove it there first: mlem deployment remove {ctx.name}; then run it again",
            )

    def apply(
        self, ctx: SagemakerContext, wanted: RepositoryRecord, recorded: RepositoryRecord | None
    ) -> RepositoryRecord:
        """Take the repository that is there, else make one."""
        tags = tags_of(ctx.lineage, ctx.name, ctx.env.tags)
        uri, made = ecr.provide(account_of(ctx, wanted), wanted.repository, ctx.lineage, tags)
        return wanted.changed(uri=uri, made=made)

    def remove(self, ctx: SagemakerContext, recorded: RepositoryRecord | None) -> None:
        """Remove the repository if this deployment made it and nobody else has images in it."""
        if recorded is not None and not recorded.made:
            return
        name = recorded.repository if recorded else wanted_records.repository(ctx)
        why = ecr.remove(account_of(ctx, recorded), name, ctx.lineage)
        if why:
            ctx.report(f"the repository {name} stays: {why}")


class ImageStep(PushedImageStep["SagemakerDeployment", "SagemakerEnv", PushedImageRecord]):
    """The image of the model, in ECR."""

    record = PushedImageRecord

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def engine_address(self, ctx: SagemakerContext) -> EngineAddress:
        """See `PushedImageStep.engine_address`."""
        return ctx.env.engine

    def repository(self, ctx: SagemakerContext) -> str:
        """See `PushedImageStep.repository`."""
        return wanted_records.repository(ctx)

    def registry_host(self, ctx: SagemakerContext) -> str:
        """See `PushedImageStep.registry_host`."""
        record = repository_of(ctx)
        return record.uri.removesuffix(f"/{record.repository}")

    def credentials(self, ctx: SagemakerContext) -> Mapping[str, str]:
        """See `PushedImageStep.credentials`."""
        return login(account_of(ctx, repository_of(ctx)))

    def tag(self, ctx: SagemakerContext) -> str | None:
        """See `PushedImageStep.tag`; it says whose image it is."""
        return wanted_records.tag(ctx)

    def check(self, ctx: SagemakerContext, wanted: PushedImageRecord, recorded: PushedImageRecord | None) -> None:
        """See `PushedImageStep.check`; look for the role too, which the model needs."""
        super().check(ctx, wanted, recorded)
        self._snapshot.role.arn(ctx)

    def apply(
        self, ctx: SagemakerContext, wanted: PushedImageRecord, recorded: PushedImageRecord | None
    ) -> PushedImageRecord:
        """See `PushedImageStep.apply`."""
        try:
            return super().apply(ctx, wanted, recorded)
        except MlemError as error:
            if "not authorized to perform" not in error.message:
                raise
            raise denied("push the image", error.message) from error  # ECR's own words, passed on

    def remove(self, ctx: SagemakerContext, recorded: PushedImageRecord | None) -> None:
        """Remove the deployment's images, here and in ECR."""
        repository = recorded.repository if recorded else wanted_records.repository(ctx)
        account = account_of(ctx, ctx.record_of(RepositoryRecord))
        ecr.delete_images(account, repository, ecr.images(account, repository, ctx.lineage))
        super().remove(ctx, recorded)

    def prune(self, ctx: SagemakerContext, keep: Sequence[PushedImageRecord]) -> None:
        """Remove the images that no kept release needs, with or without a model."""
        if not keep:
            return
        account, repository = account_of(ctx, ctx.record_of(RepositoryRecord)), keep[0].repository
        kept = {record.tag for record in keep}
        there = self._snapshot.unused.images(account, repository, ctx.lineage)
        self._snapshot.unused.prune_images(ctx, account, repository, [tag for tag in there if tag not in kept])
        super().prune(ctx, keep)
