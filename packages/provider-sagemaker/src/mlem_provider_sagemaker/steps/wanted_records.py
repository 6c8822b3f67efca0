"""What a context declares: the account, and what is wanted of each resource, with the names that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mlem import Record
from mlem.provider import differences
from mlem_image import image_tag as content_tag
from mlem_provider_sagemaker.api.aws import connect
from mlem_provider_sagemaker.api.configuration import defaults
from mlem_provider_sagemaker.names import endpoint_name, image_tag, name_of, repository_name
from mlem_provider_sagemaker.records import (
    IN_PLACE,
    CapturePart,
    EndpointConfigRecord,
    EndpointRecord,
    ModelRecord,
    ServerlessPart,
)

if TYPE_CHECKING:
    from mlem_provider_sagemaker.api.aws import Account
    from mlem_provider_sagemaker.api.defaults import Defaults
    from mlem_provider_sagemaker.deployment import SagemakerContext


class InRegion(Protocol):
    """A record that says where its resource is."""

    @property
    def region(self) -> str | None:
        """The region; None for the default one."""


def account_of(ctx: SagemakerContext, record: InRegion | None = None) -> Account:
    """Return the account, in the region of a record or of the env."""
    return connect(ctx.env.profile, record.region if record else ctx.env.region)


def defaults_of(account: Account) -> Defaults:
    """Return the organisation's defaults."""
    return defaults(account)


def repository(ctx: SagemakerContext) -> str:
    """Return the name of the repository in ECR."""
    return repository_name(ctx.env.ecr_repository, ctx.name)


def tag(ctx: SagemakerContext) -> str | None:
    """Return the tag of the image in ECR; None without a model."""
    found = content_tag(ctx.deployment, ctx.model, ctx.lineage)
    return image_tag(ctx.lineage, found) if found else None


def model(ctx: SagemakerContext) -> ModelRecord:
    """Return what is wanted of the model in SageMaker; its name says what is in it."""
    content = ModelRecord(
        image=tag(ctx),
        repository=repository(ctx),
        role=ctx.env.role,
        subnets=list(ctx.env.vpc.subnets),
        security_groups=list(ctx.env.vpc.security_groups),
        environment={**ctx.variables, **ctx.deployment.environment},
        serverless=ctx.deployment.serverless is not None,  # it can't have its own network
        tags=dict(ctx.env.tags),
        region=ctx.env.region,
    )
    return content.changed(name=name_of(ctx.name, ctx.lineage, content.to_data()) if ctx.model else None)


def endpoint_config(ctx: SagemakerContext) -> EndpointConfigRecord:
    """Return what is wanted of the endpoint's configuration; its name says what is in it."""
    declared = ctx.deployment
    content = EndpointConfigRecord(
        model=model(ctx).name,
        instance_type=declared.on_instances,
        instance_count=None if declared.serverless else declared.instance_count,
        serverless=ServerlessPart(**declared.serverless.model_dump()) if declared.serverless else None,
        data_capture=CapturePart(**declared.data_capture.model_dump()) if declared.data_capture else None,
        volume_gib=declared.volume_gib,
        startup_timeout_s=declared.startup_timeout_s,
        kms_key=ctx.env.kms_key,
        tags=dict(ctx.env.tags),
        region=ctx.env.region,
    )
    return content.changed(name=name_of(ctx.name, ctx.lineage, content.to_data()) if ctx.model else None)


def endpoint(ctx: SagemakerContext) -> EndpointRecord:
    """Return what is wanted of the endpoint."""
    return EndpointRecord(
        endpoint=endpoint_name(ctx.deployment.endpoint_name, ctx.name),
        config=endpoint_config(ctx).name,
        instance_type=ctx.deployment.on_instances,
        tags=dict(ctx.env.tags),
        region=ctx.env.region,
        situation=IN_PLACE,
    )


def reason_of(recorded: Record, wanted: Record, *names: str) -> str:
    """Say what differs, apart from the names, which follow from the other fields."""
    return differences(recorded, wanted, without=names) or "another model"
