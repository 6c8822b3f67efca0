"""`UnusedResources`: resources with the deployment's tag that are not needed any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from mlem_provider_sagemaker.api import ecr
from mlem_provider_sagemaker.api.hosting import delete, tagged
from mlem_provider_sagemaker.records import EndpointConfigRecord, ModelRecord
from mlem_provider_sagemaker.steps.wanted_records import InRegion, account_of

if TYPE_CHECKING:
    from mlem_provider_sagemaker.api.aws import Account
    from mlem_provider_sagemaker.api.hosting import Kind
    from mlem_provider_sagemaker.deployment import SagemakerContext


class UnusedResources:
    """The resources with the deployment's tag, listed once for all steps that prune."""

    def __init__(self) -> None:
        self._found: dict[Kind, dict[str, dict[str, str]]] | None = None
        self._images: set[str] = set()

    def of(self, ctx: SagemakerContext, record: InRegion, kind: Kind) -> dict[str, dict[str, str]]:
        """Return the resources of a kind: tags by name."""
        if self._found is None:
            self._found = tagged(account_of(ctx, record), ctx.lineage)
        return self._found[kind]

    def prune(
        self, ctx: SagemakerContext, kind: Kind, keep: Sequence[ModelRecord] | Sequence[EndpointConfigRecord]
    ) -> None:
        """Delete what no kept release needs of a kind."""
        kept = {record.name for record in keep}
        for name in [name for name in self.of(ctx, keep[0], kind) if name not in kept]:
            ctx.guard()
            delete(account_of(ctx, keep[0]), kind, name)

    def images(self, account: Account, repository: str, lineage: str) -> list[str]:
        """Return the tags of the deployment's images in ECR."""
        return ecr.images(account, repository, lineage)

    def prune_images(self, ctx: SagemakerContext, account: Account, repository: str, tags: Iterable[str]) -> None:
        """Delete images in ECR, each once."""
        wanted = set(tags) - self._images
        if wanted:
            ctx.guard()
            ecr.delete_images(account, repository, wanted)
            self._images |= wanted
