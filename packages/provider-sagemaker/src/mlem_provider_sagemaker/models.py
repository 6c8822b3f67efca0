"""The steps of what is served: the model in SageMaker, and the endpoint's configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from mlem import Change, Context, Record, Step
from mlem_provider_sagemaker.declared import account_of, defaults_of, deployment_of, env_of, reason_of, repository_name
from mlem_provider_sagemaker.images import ImageStep, RepositoryStep
from mlem_provider_sagemaker.names import IMAGE_TAG, name_of, tags_of
from mlem_provider_sagemaker.serving_options import VARIANT
from mlem_provider_sagemaker.snapshot import Snapshot


class ModelStep(Step):
    """The model in SageMaker: the image, and how its containers run."""

    name: ClassVar[str] = "model"

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def wanted(self, ctx: Context) -> Record:
        """Want a model of this content; its name says which."""
        env = env_of(ctx)
        content = {
            "image": ImageStep(self._snapshot).wanted(ctx)["tag"],
            "repository": repository_name(ctx),
            "role": env.role,
            "subnets": list(env.vpc.subnets),
            "security_groups": list(env.vpc.security_groups),
            "environment": {**ctx.variables, **deployment_of(ctx).environment},
            "serverless": deployment_of(ctx).serverless is not None,  # which has no network of one's own
            "tags": dict(env.tags),
            "region": env.region,
        }
        return {**content, "name": name_of(ctx.name, ctx.lineage, content) if ctx.model else None}

    def change(self, recorded: Record, wanted: Record) -> Change:
        """A model can't be changed: another is made beside it."""
        return Change(self.name, "update", reason_of(recorded, wanted))

    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        """Make the model, or adopt the one that a killed run made."""
        from mlem.provider import ADOPTED
        from mlem_provider_sagemaker import hosting

        earlier = ctx.put_back.get(self.name) or {}
        if earlier.get(ADOPTED):
            return earlier  # it is there as long as its release is kept, and nothing here could make it
        account = account_of(ctx, wanted)
        defaults = defaults_of(account)
        image = ctx.records[ImageStep.name]
        uri = ctx.records[RepositoryStep.name]["uri"]
        role = self._snapshot.role.arn(ctx)
        vpc = earlier.get("vpc") or {
            "Subnets": wanted["subnets"] or defaults.subnets,
            "SecurityGroupIds": wanted["security_groups"] or defaults.security_groups,
        }
        request: dict[str, Any] = {
            "ModelName": wanted["name"],
            "ExecutionRoleArn": role,
            # by its digest, so that SageMaker runs this very image whenever it starts an instance
            "PrimaryContainer": {
                "Image": f"{uri}@{image['digest']}" if image.get("digest") else image["image"],
                "Environment": wanted["environment"],
            },
            "VpcConfig": vpc if vpc["Subnets"] and not wanted["serverless"] else None,
            "Tags": tags_of(ctx.lineage, ctx.name, defaults.model_tags, wanted["tags"], {IMAGE_TAG: wanted["image"]}),
        }
        arn = hosting.create(account, hosting.MODEL, ctx.lineage, request)
        return {**wanted, "arn": arn, "role_arn": role, "vpc": vpc}

    def remove(self, ctx: Context, recorded: Record | None) -> None:
        """Remove every model of this deployment."""
        from mlem_provider_sagemaker import hosting

        account = account_of(ctx, recorded)
        hosting.delete_all(ctx, account, hosting.MODEL)
        hosting.delete_adopted(ctx, account, hosting.MODEL, recorded)

    def prune(self, ctx: Context, keep: Sequence[Record]) -> None:
        """Remove the models that no kept release needs, after their images: a model that is there says that its image may be."""
        from mlem_provider_sagemaker.hosting import MODEL

        if not keep:
            return
        found = self._snapshot.unused.of(ctx, keep[0], MODEL)
        kept = {record["image"] for record in keep}
        tags = {each[IMAGE_TAG] for each in found.values() if IMAGE_TAG in each} - kept
        self._snapshot.unused.prune_images(ctx, account_of(ctx, keep[0]), keep[0]["repository"], tags)
        self._snapshot.unused.prune(ctx, MODEL, keep)


class EndpointConfigStep(Step):
    """The endpoint's configuration: which model, on what."""

    name: ClassVar[str] = "endpoint_config"

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def wanted(self, ctx: Context) -> Record:
        """Want a configuration of this content; its name says which."""
        deployment, env = deployment_of(ctx), env_of(ctx)
        content = {
            "model": ModelStep(self._snapshot).wanted(ctx)["name"],
            "instance_type": deployment.on_instances,
            "instance_count": None if deployment.serverless else deployment.instance_count,
            "serverless": deployment.serverless.model_dump() if deployment.serverless else None,
            "data_capture": deployment.data_capture.model_dump() if deployment.data_capture else None,
            "volume_gib": deployment.volume_gib,
            "startup_timeout_s": deployment.startup_timeout_s,
            "kms_key": env.kms_key,
            "tags": dict(env.tags),
            "region": env.region,
        }
        return {**content, "name": name_of(ctx.name, ctx.lineage, content) if ctx.model else None}

    def change(self, recorded: Record, wanted: Record) -> Change:
        """A configuration can't be changed: another is made beside it."""
        return Change(self.name, "update", reason_of(recorded, wanted))

    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        """Make the configuration, or adopt the one that a killed run made."""
        from mlem.provider import ADOPTED
        from mlem_provider_sagemaker import hosting

        earlier = ctx.put_back.get(self.name) or {}
        if earlier.get(ADOPTED):
            return earlier  # it is there as long as its release is kept, and nothing here could make it
        account = account_of(ctx, wanted)
        defaults = defaults_of(account)
        key = earlier["kms_key_used"] if earlier else wanted["kms_key"] or defaults.kms_key
        request = {
            "EndpointConfigName": wanted["name"],
            "ProductionVariants": [_variant(wanted)],
            "DataCaptureConfig": _capture(wanted["data_capture"], defaults.capture_kms_key),
            "KmsKeyId": None if wanted["serverless"] else key,
            "Tags": tags_of(ctx.lineage, ctx.name, defaults.config_tags, wanted["tags"]),
        }
        return {**wanted, "arn": hosting.create(account, hosting.CONFIG, ctx.lineage, request), "kms_key_used": key}

    def remove(self, ctx: Context, recorded: Record | None) -> None:
        """Remove every configuration of this deployment."""
        from mlem_provider_sagemaker import hosting

        account = account_of(ctx, recorded)
        hosting.delete_all(ctx, account, hosting.CONFIG)
        hosting.delete_adopted(ctx, account, hosting.CONFIG, recorded)

    def prune(self, ctx: Context, keep: Sequence[Record]) -> None:
        """Remove the configurations that no kept release needs."""
        from mlem_provider_sagemaker.hosting import CONFIG

        if keep:
            self._snapshot.unused.prune(ctx, CONFIG, keep)


def _variant(wanted: Record) -> dict[str, Any]:
    variant: dict[str, Any] = {"VariantName": VARIANT, "ModelName": wanted["model"], "InitialVariantWeight": 1.0}
    serverless = wanted["serverless"]
    if serverless:
        provisioned = {"ProvisionedConcurrency": serverless["provisioned_concurrency"]} if serverless["provisioned_concurrency"] else {}
        config = {"MemorySizeInMB": serverless["memory_mib"], "MaxConcurrency": serverless["max_concurrency"], **provisioned}
        return {**variant, "ServerlessConfig": config}
    variant |= {"InstanceType": wanted["instance_type"], "InitialInstanceCount": wanted["instance_count"]}
    if wanted["volume_gib"]:
        variant["VolumeSizeInGB"] = wanted["volume_gib"]
    if wanted["startup_timeout_s"]:
        variant["ContainerStartupHealthCheckTimeoutInSeconds"] = wanted["startup_timeout_s"]
    return variant


def _capture(capture: Mapping[str, Any] | None, kms_key: str | None) -> dict[str, Any] | None:
    if capture is None:
        return None
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": capture["sampling_percent"],
        "DestinationS3Uri": capture["s3_uri"],
        "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
        "CaptureContentTypeHeader": {"JsonContentTypes": ["application/json"]},
        **({"KmsKeyId": kms_key} if kms_key else {}),
    }
