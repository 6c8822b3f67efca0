"""The steps of what is served: the model in SageMaker, and the endpoint's configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mlem import Change, Step
from mlem_provider_sagemaker.api import hosting
from mlem_provider_sagemaker.api.hosting import CONFIG, MODEL
from mlem_provider_sagemaker.names import IMAGE_TAG, tags_of
from mlem_provider_sagemaker.records import CapturePart, EndpointConfigRecord, ModelRecord
from mlem_provider_sagemaker.serving_options import VARIANT
from mlem_provider_sagemaker.steps import wanted_records
from mlem_provider_sagemaker.steps.image import image_of
from mlem_provider_sagemaker.steps.snapshot import Snapshot
from mlem_provider_sagemaker.steps.wanted_records import account_of, defaults_of, reason_of

if TYPE_CHECKING:
    from mlem_provider_sagemaker.deployment import SagemakerContext, SagemakerDeployment
    from mlem_provider_sagemaker.env import SagemakerEnv


class ModelStep(Step["SagemakerDeployment", "SagemakerEnv", ModelRecord]):
    """The model in SageMaker: the image, and how its containers run."""

    record = ModelRecord

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def wanted(self, ctx: SagemakerContext) -> ModelRecord:
        """Want a model of this content; its name says which."""
        return wanted_records.model(ctx)

    def change(self, recorded: ModelRecord, wanted: ModelRecord) -> Change:
        """A model can't be changed: another is made beside it."""
        return Change(self.name, "update", reason_of(recorded, wanted, "name"))

    def apply(self, ctx: SagemakerContext, wanted: ModelRecord, recorded: ModelRecord | None) -> ModelRecord:
        """Make the model, or adopt the one that a killed run made."""
        earlier = ctx.put_back_of(ModelRecord)
        if earlier is not None and earlier.adopted:
            return earlier  # it exists as long as its release is kept, and nothing here could make it again
        account = account_of(ctx, wanted)
        defaults = defaults_of(account)
        role = self._snapshot.role.arn(ctx)
        vpc = (earlier.vpc if earlier else None) or {
            "Subnets": wanted.subnets or defaults.subnets,
            "SecurityGroupIds": wanted.security_groups or defaults.security_groups,
        }
        request: dict[str, Any] = {
            "ModelName": wanted.name,
            "ExecutionRoleArn": role,
            "PrimaryContainer": {"Image": image_of(ctx), "Environment": wanted.environment},
            "VpcConfig": vpc if vpc["Subnets"] and not wanted.serverless else None,
            "Tags": tags_of(
                ctx.lineage,
                ctx.name,
                defaults.model_tags,
                wanted.tags,
                {IMAGE_TAG: wanted.image} if wanted.image else {},
            ),
        }
        arn = hosting.create(account, hosting.MODEL, ctx.lineage, request)
        return wanted.changed(arn=arn, role_arn=role, vpc=vpc)

    def remove(self, ctx: SagemakerContext, recorded: ModelRecord | None) -> None:
        """Remove every model of this deployment."""
        account = account_of(ctx, recorded)
        hosting.delete_all(ctx, account, hosting.MODEL)
        hosting.delete_adopted(ctx, account, hosting.MODEL, recorded)

    def prune(self, ctx: SagemakerContext, keep: Sequence[ModelRecord]) -> None:
        """Remove the models that no kept release needs, after their images.

        As long as a model exists, its image may exist too.
        """
        if not keep:
            return
        found = self._snapshot.unused.of(ctx, keep[0], MODEL)
        kept = {record.image for record in keep}
        tags = {each[IMAGE_TAG] for each in found.values() if IMAGE_TAG in each} - kept
        self._snapshot.unused.prune_images(ctx, account_of(ctx, keep[0]), keep[0].repository, tags)
        self._snapshot.unused.prune(ctx, MODEL, keep)


class EndpointConfigStep(Step["SagemakerDeployment", "SagemakerEnv", EndpointConfigRecord]):
    """The endpoint's configuration: which model, on what."""

    record = EndpointConfigRecord

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def wanted(self, ctx: SagemakerContext) -> EndpointConfigRecord:
        """Want a configuration of this content; its name says which."""
        return wanted_records.endpoint_config(ctx)

    def change(self, recorded: EndpointConfigRecord, wanted: EndpointConfigRecord) -> Change:
        """A configuration can't be changed: another is made beside it."""
        return Change(self.name, "update", reason_of(recorded, wanted, "name", "model"))

    def apply(
        self, ctx: SagemakerContext, wanted: EndpointConfigRecord, recorded: EndpointConfigRecord | None
    ) -> EndpointConfigRecord:
        """Make the configuration, or adopt the one that a killed run made."""
        earlier = ctx.put_back_of(EndpointConfigRecord)
        if earlier is not None and earlier.adopted:
            return earlier  # it exists as long as its release is kept, and nothing here could make it again
        account = account_of(ctx, wanted)
        defaults = defaults_of(account)
        key = earlier.kms_key_used if earlier else wanted.kms_key or defaults.kms_key
        request = {
            "EndpointConfigName": wanted.name,
            "ProductionVariants": [_variant(wanted)],
            "DataCaptureConfig": _capture(wanted.data_capture, defaults.capture_kms_key),
            "KmsKeyId": None if wanted.serverless else key,
            "Tags": tags_of(ctx.lineage, ctx.name, defaults.config_tags, wanted.tags),
        }
        return wanted.changed(arn=hosting.create(account, hosting.CONFIG, ctx.lineage, request), kms_key_used=key)

    def remove(self, ctx: SagemakerContext, recorded: EndpointConfigRecord | None) -> None:
        """Remove every configuration of this deployment."""
        account = account_of(ctx, recorded)
        hosting.delete_all(ctx, account, hosting.CONFIG)
        hosting.delete_adopted(ctx, account, hosting.CONFIG, recorded)

    def prune(self, ctx: SagemakerContext, keep: Sequence[EndpointConfigRecord]) -> None:
        """Remove the configurations that no kept release needs."""
        if keep:
            self._snapshot.unused.prune(ctx, CONFIG, keep)


def _variant(wanted: EndpointConfigRecord) -> dict[str, Any]:
    variant: dict[str, Any] = {"VariantName": VARIANT, "ModelName": wanted.model, "InitialVariantWeight": 1.0}
    serverless = wanted.serverless
    if serverless:
        provisioned = (
            {"ProvisionedConcurrency": serverless.provisioned_concurrency} if serverless.provisioned_concurrency else {}
        )
        config = {"MemorySizeInMB": serverless.memory_mib, "MaxConcurrency": serverless.max_concurrency, **provisioned}
        return {**variant, "ServerlessConfig": config}
    variant |= {"InstanceType": wanted.instance_type, "InitialInstanceCount": wanted.instance_count}
    if wanted.volume_gib:
        variant["VolumeSizeInGB"] = wanted.volume_gib
    if wanted.startup_timeout_s:
        variant["ContainerStartupHealthCheckTimeoutInSeconds"] = wanted.startup_timeout_s
    return variant


def _capture(capture: CapturePart | None, kms_key: str | None) -> dict[str, Any] | None:
    if capture is None:
        return None
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": capture.sampling_percent,
        "DestinationS3Uri": capture.s3_uri,
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        **({"KmsKeyId": kms_key} if kms_key else {}),
    }
