"""The resources of a deployment: the repository, the image, the model, its configuration, the endpoint, and how it scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from mlem.deployment import DeploymentStatus
from mlem.errors import ConflictError, GateError, MlemError
from mlem.step import Change, Context, Record, Step, differences
from mlem_provider_docker import LINEAGE_LABEL, EngineAddress, PushedImageStep
from mlem_provider_sagemaker.errors import BUSY, EXISTS, denied
from mlem_provider_sagemaker.names import IMAGE_TAG, mark, name_of, slug, tags_of
from mlem_provider_sagemaker.variants import VARIANT

if TYPE_CHECKING:
    from mlem_provider_sagemaker.aws import Account
    from mlem_provider_sagemaker.defaults import Defaults
    from mlem_provider_sagemaker.deployment import SagemakerDeployment
    from mlem_provider_sagemaker.env import SagemakerEnv
    from mlem_provider_sagemaker.hosting import Kind

_TRIES = 3


def deployment_of(ctx: Context) -> SagemakerDeployment:
    """Return the declaration."""
    return cast("SagemakerDeployment", ctx.deployment)


def env_of(ctx: Context) -> SagemakerEnv:
    """Return the env."""
    return cast("SagemakerEnv", ctx.env)


def account_of(ctx: Context, record: Record | None = None) -> Account:
    """Return the account, in the region of a record or of the env."""
    from mlem_provider_sagemaker.aws import connect

    return connect(env_of(ctx).profile, record["region"] if record else env_of(ctx).region)


def _defaults(account: Account) -> Defaults:
    from mlem_provider_sagemaker.defaults import defaults

    return defaults(account)


def _endpoint_name(ctx: Context) -> str:
    return deployment_of(ctx).endpoint_name or slug(ctx.name)


def _repository_name(ctx: Context) -> str:
    return env_of(ctx).ecr_repository or f"mlem/{slug(ctx.name).lower()}"


class Leftovers:
    """What has the deployment's tag, listed once for all steps that prune."""

    def __init__(self) -> None:
        self._found: dict[Kind, dict[str, dict[str, str]]] | None = None

    def of(self, ctx: Context, record: Record, kind: Kind) -> dict[str, dict[str, str]]:
        """Return what there is of a kind: tags by name."""
        from mlem_provider_sagemaker.hosting import tagged

        if self._found is None:
            self._found = tagged(account_of(ctx, record), ctx.lineage)
        return self._found[kind]

    def prune(self, ctx: Context, kind: Kind, keep: Sequence[Record]) -> None:
        """Delete what no kept release needs of a kind."""
        from mlem_provider_sagemaker.hosting import delete

        kept = {record["name"] for record in keep}
        for name in [name for name in self.of(ctx, keep[0], kind) if name not in kept]:
            ctx.guard()
            delete(account_of(ctx, keep[0]), kind, name)


class RepositoryStep(Step):
    """The repository in ECR."""

    name: ClassVar[str] = "repository"

    def wanted(self, ctx: Context) -> Record:
        """Want a repository of this name in this region."""
        return {"repository": _repository_name(ctx), "region": env_of(ctx).region}

    def change(self, recorded: Record, wanted: Record) -> Change:
        """Another repository is made beside the one that has the older images."""
        return Change(self.name, "update", differences(recorded, wanted))

    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        """Take the repository that is there, else make one."""
        from mlem_provider_sagemaker import ecr

        if recorded is not None and recorded["region"] != wanted["region"]:
            before, now = (record["region"] or "the default region" for record in (recorded, wanted))
            raise ConflictError(
                f'"{ctx.name}" is in {before}, and its env is in {now} now',
                code="other-region",
                hint=f"remove it there first: mlem deployment remove {ctx.name}; then run it again",
            )
        tags = tags_of(ctx.lineage, ctx.name, env_of(ctx).tags)
        uri, made = ecr.provide(account_of(ctx, wanted), wanted["repository"], ctx.lineage, tags)
        return {**wanted, "uri": uri, "made": made}

    def remove(self, ctx: Context, recorded: Record | None) -> None:
        """Remove the repository if this deployment made it and nobody else has images in it."""
        from mlem_provider_sagemaker import ecr

        if recorded is not None and not recorded["made"]:
            return
        name = recorded["repository"] if recorded else _repository_name(ctx)
        why = ecr.remove(account_of(ctx, recorded), name, ctx.lineage)
        if why:
            ctx.report(f"the repository {name} stays: {why}")


class ImageStep(PushedImageStep):
    """The image of the model, in ECR."""

    def engine_address(self, ctx: Context) -> EngineAddress:
        """See `PushedImageStep.engine_address`."""
        return env_of(ctx).engine

    def repository(self, ctx: Context) -> str:
        """See `PushedImageStep.repository`."""
        return _repository_name(ctx)

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

        repository = recorded["repository"] if recorded else _repository_name(ctx)
        account = account_of(ctx, ctx.records.get(RepositoryStep.name))
        ecr.delete_images(account, repository, ecr.images(account, repository, ctx.lineage))
        super().remove(ctx, recorded)

    def prune(self, ctx: Context, keep: Sequence[Record]) -> None:
        """Remove the images that were built here and that no kept release needs, also those that no model was made of."""
        from mlem_provider_sagemaker import ecr

        engine = self._engine_if_there(ctx)
        if engine is None or not keep:
            return
        kept = {record["image"] for record in keep}
        built = [name for found in engine.images(f"{LINEAGE_LABEL}={ctx.lineage}") for name in found.get("RepoTags") or []]
        tags = [name.rpartition(":")[2] for name in built if name not in kept and name != "<none>:<none>"]
        ecr.delete_images(account_of(ctx, ctx.records.get(RepositoryStep.name)), keep[0]["repository"], tags)
        super().prune(ctx, keep)


class ModelStep(Step):
    """The model in SageMaker: the image, and how its containers run."""

    name: ClassVar[str] = "model"

    def __init__(self, leftovers: Leftovers) -> None:
        self._leftovers = leftovers

    def wanted(self, ctx: Context) -> Record:
        """Want a model of this content; its name says which."""
        env = env_of(ctx)
        content = {
            "image": ImageStep().wanted(ctx)["tag"],
            "repository": _repository_name(ctx),
            "role": env.role,
            "subnets": list(env.vpc.subnets),
            "security_groups": list(env.vpc.security_groups),
            "environment": dict(deployment_of(ctx).environment),
            "tags": dict(env.tags),
            "region": env.region,
        }
        return {**content, "name": name_of(ctx.name, ctx.lineage, content) if ctx.model else None}

    def change(self, recorded: Record, wanted: Record) -> Change:
        """A model can't be changed: another is made beside it."""
        return Change(self.name, "update", _reason(recorded, wanted))

    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        """Make the model, or adopt the one that a killed run made."""
        from mlem_provider_sagemaker import hosting
        from mlem_provider_sagemaker.role import role_arn

        account = account_of(ctx, wanted)
        defaults = _defaults(account)
        earlier = ctx.put_back.get(self.name) or {}
        image = ctx.records[ImageStep.name]
        uri = ctx.records[RepositoryStep.name]["uri"]
        role = earlier.get("role_arn") or role_arn(account, wanted["role"], defaults)
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
            "VpcConfig": vpc if vpc["Subnets"] and not deployment_of(ctx).serverless else None,
            "Tags": tags_of(ctx.lineage, ctx.name, defaults.model_tags, wanted["tags"], {IMAGE_TAG: wanted["image"]}),
        }
        arn = hosting.create(account, hosting.MODEL, ctx.lineage, request)
        return {**wanted, "arn": arn, "role_arn": role, "vpc": vpc}

    def remove(self, ctx: Context, recorded: Record | None) -> None:
        """Remove every model of this deployment."""
        from mlem_provider_sagemaker import hosting

        hosting.delete_all(ctx, account_of(ctx, recorded), hosting.MODEL)

    def prune(self, ctx: Context, keep: Sequence[Record]) -> None:
        """Remove the models that no kept release needs, after their images: a model that is there says that its image may be."""
        from mlem_provider_sagemaker import ecr
        from mlem_provider_sagemaker.hosting import MODEL

        if not keep:
            return
        found = self._leftovers.of(ctx, keep[0], MODEL)
        kept = {record["image"] for record in keep}
        tags = {each[IMAGE_TAG] for each in found.values() if IMAGE_TAG in each} - kept
        ecr.delete_images(account_of(ctx, keep[0]), keep[0]["repository"], tags)
        self._leftovers.prune(ctx, MODEL, keep)


class EndpointConfigStep(Step):
    """The endpoint's configuration: which model, on what."""

    name: ClassVar[str] = "endpoint_config"

    def __init__(self, leftovers: Leftovers) -> None:
        self._leftovers = leftovers

    def wanted(self, ctx: Context) -> Record:
        """Want a configuration of this content; its name says which."""
        deployment, env = deployment_of(ctx), env_of(ctx)
        content = {
            "model": ModelStep(self._leftovers).wanted(ctx)["name"],
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
        return Change(self.name, "update", _reason(recorded, wanted))

    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        """Make the configuration, or adopt the one that a killed run made."""
        from mlem_provider_sagemaker import hosting

        account = account_of(ctx, wanted)
        defaults = _defaults(account)
        earlier = ctx.put_back.get(self.name) or {}
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

        hosting.delete_all(ctx, account_of(ctx, recorded), hosting.CONFIG)

    def prune(self, ctx: Context, keep: Sequence[Record]) -> None:
        """Remove the configurations that no kept release needs."""
        from mlem_provider_sagemaker.hosting import CONFIG

        if keep:
            self._leftovers.prune(ctx, CONFIG, keep)


class EndpointStep(Step):
    """The endpoint."""

    name: ClassVar[str] = "endpoint"

    def __init__(self, leftovers: Leftovers) -> None:
        self._leftovers = leftovers
        self._seen: Mapping[str, Any] | None = None

    def wanted(self, ctx: Context) -> Record:
        """Want the endpoint to serve this configuration."""
        from mlem_provider_sagemaker.hosting import IN_PLACE

        return {
            "endpoint": _endpoint_name(ctx),
            "config": EndpointConfigStep(self._leftovers).wanted(ctx)["name"],
            "instance_type": deployment_of(ctx).on_instances,
            "tags": dict(env_of(ctx).tags),
            "region": env_of(ctx).region,
            "situation": IN_PLACE,
        }

    def observe(self, ctx: Context, recorded: Record) -> Record | None:
        """Look whether the endpoint is there and serves what is on record."""
        from mlem_provider_sagemaker.hosting import situation

        account = account_of(ctx, recorded)
        self._seen = account.endpoint(recorded["endpoint"])
        if self._seen is None:
            return None
        account.remember(recorded["endpoint"], self._seen)
        return {**recorded, "situation": situation(self._seen, recorded["config"])}

    def change(self, recorded: Record, wanted: Record) -> Change:
        """SageMaker replaces the instances while the old ones serve, and goes back to them if the new ones fail."""
        others = {key: value for key, value in wanted.items() if key != "situation"}
        same = all(recorded.get(key) == value for key, value in others.items())
        reason = f"the endpoint is {recorded['situation']}" if same else _reason(recorded, others)
        if recorded["endpoint"] != wanted["endpoint"]:
            return Change(
                self.name, "replace", reason, f"callers have to call {wanted['endpoint']}; {recorded['endpoint']} goes when it serves"
            )
        if recorded["situation"] == "Failed" or _becomes_serverless(recorded, wanted):
            why = (
                "a failed endpoint can't be updated"
                if recorded["situation"] == "Failed"
                else "an endpoint on instances can't become serverless"
            )
            return Change(self.name, "replace", reason, f"some minutes, until the new endpoint serves: {why}")
        return Change(self.name, "update", f"{reason}; the old instances serve until the new ones do")

    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        """Create the endpoint, adopt the one of a killed run, or let SageMaker update it; the gate waits until it serves."""
        from mlem_provider_sagemaker.hosting import IN_PLACE, situation

        account = account_of(ctx, wanted)
        name = wanted["endpoint"]
        if recorded is None and not ctx.put_back:
            try:
                return {**wanted, "arn": self._create(ctx, account, wanted)}
            except ConflictError as error:
                if error.code != EXISTS:
                    raise
        seen, self._seen = self._seen, None
        just_seen = recorded is not None and recorded["endpoint"] == name and not ctx.put_back
        if not just_seen or seen is None or recorded is None or situation(seen, recorded["config"]) != IN_PLACE:
            seen = account.endpoint(name)
        return {**wanted, "arn": self._bring(ctx, account, wanted, recorded, seen)}

    def _bring(self, ctx: Context, account: Account, wanted: Record, recorded: Record | None, found: Mapping[str, Any] | None) -> str:
        """Bring an endpoint, as it was described, to what is wanted; return its ARN."""
        from mlem_provider_sagemaker import hosting

        name = wanted["endpoint"]
        for _ in range(_TRIES):
            if found is None:
                return self._create(ctx, account, wanted)
            arn = str(found["EndpointArn"])
            if mark(ctx.lineage) not in found["EndpointConfigName"]:
                hosting.expect_ours(account, hosting.ENDPOINT, name, arn, ctx.lineage)
            if hosting.situation(found, wanted["config"]) not in (hosting.IN_PLACE, f"on {found['EndpointConfigName']}", "Failed"):
                found = hosting.settle(ctx, account, name)
                continue
            if found["EndpointStatus"] == "Failed" or (recorded is not None and _becomes_serverless(recorded, wanted)):
                ctx.report(f"deleting the endpoint {name} to make it anew")
                hosting.delete_endpoint(ctx, account, name)
                found = None
                continue
            try:
                if found["EndpointConfigName"] != wanted["config"]:
                    self._update(ctx, account, wanted, recorded)
            except ConflictError as error:
                if error.code != BUSY:
                    raise
                found = hosting.settle(ctx, account, name)
                continue
            _set_tags(account, arn, recorded["tags"] if recorded else {}, wanted["tags"])
            return arn
        raise ConflictError(
            f"the endpoint {name} is changed by somebody else again and again", code=BUSY, hint="look who does, then run again"
        )

    def _create(self, ctx: Context, account: Account, wanted: Record) -> str:
        name = wanted["endpoint"]
        request = {
            "EndpointName": name,
            "EndpointConfigName": wanted["config"],
            "Tags": tags_of(ctx.lineage, ctx.name, _defaults(account).endpoint_tags, wanted["tags"]),
        }
        made = account.call(f"create the endpoint {name}", "sagemaker", "create_endpoint", **request)
        account.remember(name, {"EndpointStatus": "Creating", "EndpointConfigName": wanted["config"]})
        return str(made["EndpointArn"])

    def _update(self, ctx: Context, account: Account, wanted: Record, recorded: Record | None) -> None:
        from mlem_provider_sagemaker import scaling

        deployment, name = deployment_of(ctx), wanted["endpoint"]
        scales = AutoscalingStep.name in ctx.records
        if scales and recorded is not None and recorded["instance_type"] != wanted["instance_type"]:
            scaling.deregister(account, name)  # an update to other instances is refused as long as they scale
        policy = deployment.update_policy
        account.call(
            f"update the endpoint {name}",
            "sagemaker",
            "update_endpoint",
            EndpointName=name,
            EndpointConfigName=wanted["config"],
            # as many instances as the load has made of them
            RetainAllVariantProperties=True if scales and deployment.autoscaling else None,
            DeploymentConfig=policy.request() if policy and wanted["instance_type"] else None,
        )
        account.remember(name, {"EndpointStatus": "Updating", "EndpointConfigName": ""})

    def remove(self, ctx: Context, recorded: Record | None) -> None:
        """Remove the endpoint, and wait until it is gone."""
        from mlem_provider_sagemaker import hosting

        account = account_of(ctx, recorded)
        for name in dict.fromkeys([recorded["endpoint"] if recorded else _endpoint_name(ctx), _endpoint_name(ctx)]):
            found = account.endpoint(name)
            if found is None:
                continue
            if recorded is None or name != recorded["endpoint"]:
                try:
                    hosting.expect_ours(account, hosting.ENDPOINT, name, found["EndpointArn"], ctx.lineage)
                except ConflictError as error:
                    ctx.report(f"left alone: {error.message}")
                    continue
            else:
                hosting.expect_ours(account, hosting.ENDPOINT, name, found["EndpointArn"], ctx.lineage)
            hosting.delete_endpoint(ctx, account, name)

    def prune(self, ctx: Context, keep: Sequence[Record]) -> None:
        """Remove the endpoint of an earlier name."""
        from mlem_provider_sagemaker import hosting

        if not keep:
            return
        account = account_of(ctx, keep[0])
        for name in self._leftovers.of(ctx, keep[0], hosting.ENDPOINT):
            if name != keep[0]["endpoint"].lower():
                hosting.delete_endpoint(ctx, account, name)


class AutoscalingStep(Step):
    """How the number of instances follows the calls."""

    name: ClassVar[str] = "autoscaling"

    def __init__(self, leftovers: Leftovers) -> None:
        self._leftovers = leftovers

    def wanted(self, ctx: Context) -> Record | None:
        """Want these numbers; registered anew with each configuration, since an update may end it."""
        autoscaling = deployment_of(ctx).autoscaling
        if autoscaling is None:
            return None
        endpoint = EndpointStep(self._leftovers).wanted(ctx)
        return {**{key: endpoint[key] for key in ("endpoint", "config", "region")}, **autoscaling.model_dump()}

    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        """Register the endpoint, which has to be in service for that."""
        from mlem_provider_sagemaker import hosting, scaling

        account = account_of(ctx, wanted)
        found = hosting.settle(ctx, account, wanted["endpoint"])
        condition = hosting.condition(found, wanted)
        if condition.status is not DeploymentStatus.RUNNING:
            raise GateError(f"the new release is {condition.status}: {condition.reason}")
        scaling.register(account, wanted["endpoint"], wanted["min_instances"], wanted["max_instances"], wanted["target_invocations"])
        return dict(wanted)

    def observe(self, ctx: Context, recorded: Record) -> Record | None:
        """Look whether the endpoint scales as on record."""
        from mlem_provider_sagemaker import scaling

        found = scaling.registered(account_of(ctx, recorded), recorded["endpoint"])
        return {**recorded, "min_instances": found["MinCapacity"], "max_instances": found["MaxCapacity"]} if found else None

    def remove(self, ctx: Context, recorded: Record | None) -> None:
        """Let the endpoint not scale any more."""
        from mlem_provider_sagemaker import scaling

        if recorded is not None:
            scaling.deregister(account_of(ctx, recorded), recorded["endpoint"])


def steps() -> list[Step]:
    """Return the steps of one operation; they share what they find out."""
    leftovers = Leftovers()
    hosted = [step(leftovers) for step in (ModelStep, EndpointConfigStep, EndpointStep, AutoscalingStep)]
    return [RepositoryStep(), ImageStep(), *hosted]


def _reason(recorded: Record, wanted: Record) -> str:
    """Say what differs, without the names that follow from it."""
    telling = {key: value for key, value in wanted.items() if key not in ("name", "model", "config")}
    return differences(recorded, telling) or "another model"


def _becomes_serverless(recorded: Record, wanted: Record) -> bool:
    """Whether an update would be refused.

    Source: SageMaker developer guide, "Serverless endpoints", "Update": from instances to serverless is refused (read 2026-11).
    """
    return recorded["instance_type"] is not None and wanted["instance_type"] is None


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


def _set_tags(account: Account, arn: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    added = {key: value for key, value in after.items() if before.get(key) != value}
    gone = sorted(before.keys() - after.keys())
    if added:
        tags = [{"Key": key, "Value": value} for key, value in added.items()]
        account.call(f"tag {arn}", "sagemaker", "add_tags", ResourceArn=arn, Tags=tags)
    if gone:
        account.call(f"untag {arn}", "sagemaker", "delete_tags", ResourceArn=arn, TagKeys=gone)
