"""The steps of the image: the repository in ECR, and what is pushed there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from mlem import Change, ConflictError, Context, MlemError, Record, Step
from mlem.provider import differences
from mlem_provider_docker import EngineAddress, PushedImageStep
from mlem_provider_sagemaker.declared import account_of, env_of, repository_name
from mlem_provider_sagemaker.errors import denied
from mlem_provider_sagemaker.names import tags_of
from mlem_provider_sagemaker.snapshot import Snapshot


class RepositoryStep(Step):
    """The repository in ECR."""

    name: ClassVar[str] = "repository"

    def wanted(self, ctx: Context) -> Record:
        """Want a repository of this name in this region."""
        return {"repository": repository_name(ctx), "region": env_of(ctx).region}

    def change(self, recorded: Record, wanted: Record) -> Change:
        """Another repository is made beside the one that has the older images."""
        return Change(self.name, "update", differences(recorded, wanted))

    def check(self, ctx: Context, wanted: Record, recorded: Record | None) -> None:
        """Refuse another region: what is in the first one would be forgotten."""
        if recorded is not None and recorded["region"] != wanted["region"]:
            before, now = (record["region"] or "the default region" for record in (recorded, wanted))
            raise ConflictError(
                f'"{ctx.name}" is in {before}, and its env is in {now} now',
                code="other-region",
                hint=f"remove it there first: mlem deployment remove {ctx.name}; then run it again",
            )

    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        """Take the repository that is there, else make one."""
        from mlem_provider_sagemaker import ecr

        tags = tags_of(ctx.lineage, ctx.name, env_of(ctx).tags)
        uri, made = ecr.provide(account_of(ctx, wanted), wanted["repository"], ctx.lineage, tags)
        return {**wanted, "uri": uri, "made": made}

    def remove(self, ctx: Context, recorded: Record | None) -> None:
        """Remove the repository if this deployment made it and nobody else has images in it."""
        from mlem_provider_sagemaker import ecr

        if recorded is not None and not recorded["made"]:
            return
        name = recorded["repository"] if recorded else repository_name(ctx)
        why = ecr.remove(account_of(ctx, recorded), name, ctx.lineage)
        if why:
            ctx.report(f"the repository {name} stays: {why}")


class ImageStep(PushedImageStep):
    """The image of the model, in ECR."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def engine_address(self, ctx: Context) -> EngineAddress:
        """See `PushedImageStep.engine_address`."""
        return env_of(ctx).engine

    def repository(self, ctx: Context) -> str:
        """See `PushedImageStep.repository`."""
        return repository_name(ctx)

    def registry_host(self, ctx: Context) -> str:
        """See `PushedImageStep.registry_host`."""
        record = ctx.records[RepositoryStep.name]
        return str(record["uri"]).removesuffix(f"/{record['repository']}")

    def credentials(self, ctx: Context) -> Mapping[str, str]:
        """See `PushedImageStep.credentials`."""
        from mlem_provider_sagemaker.ecr import login

        return login(account_of(ctx, ctx.records[RepositoryStep.name]))

    def wanted(self, ctx: Context) -> Record:
        """See `PushedImageStep.wanted`; the tag says whose image it is."""
        from mlem_provider_sagemaker.ecr import image_tag

        found = super().wanted(ctx)
        return {**found, "tag": image_tag(ctx.lineage, found["tag"]) if found["tag"] else None}

    def check(self, ctx: Context, wanted: Record, recorded: Record | None) -> None:
        """See `PushedImageStep.check`; look for the role too, which the model needs."""
        super().check(ctx, wanted, recorded)
        self._snapshot.role.arn(ctx)

    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        """See `PushedImageStep.apply`."""
        try:
            return super().apply(ctx, wanted, recorded)
        except MlemError as error:
            if "not authorized to perform" not in error.message:
                raise
            raise denied("push the image", error.message) from error  # ECR's own words, through the Engine

    def remove(self, ctx: Context, recorded: Record | None) -> None:
        """Remove the deployment's images, here and in ECR."""
        from mlem_provider_sagemaker import ecr

        repository = recorded["repository"] if recorded else repository_name(ctx)
        account = account_of(ctx, ctx.records.get(RepositoryStep.name))
        ecr.delete_images(account, repository, ecr.images(account, repository, ctx.lineage))
        super().remove(ctx, recorded)

    def prune(self, ctx: Context, keep: Sequence[Record]) -> None:
        """Remove the images that were built here and that no kept release needs, also those that no model was made of."""
        from mlem_provider_docker import made_for

        engine = self._engine_if_there(ctx)
        if engine is None or not keep:
            return
        kept = {record["image"] for record in keep}
        built = [name for _, names in made_for(engine, ctx.lineage) for name in names]
        tags = [name.rpartition(":")[2] for name in built if name not in kept]
        self._snapshot.unused.prune_images(ctx, account_of(ctx, ctx.records.get(RepositoryStep.name)), keep[0]["repository"], tags)
        super().prune(ctx, keep)
