"""The steps of what serves: the endpoint, and how it scales."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlem import Change, ConflictError, GateError, Phase, Step
from mlem_provider_sagemaker.api import hosting, scaling
from mlem_provider_sagemaker.api.errors import BUSY, EXISTS
from mlem_provider_sagemaker.api.hosting import situation
from mlem_provider_sagemaker.names import mark, tags_of
from mlem_provider_sagemaker.records import IN_PLACE, AutoscalingRecord, EndpointRecord
from mlem_provider_sagemaker.steps import wanted_records
from mlem_provider_sagemaker.steps.snapshot import Snapshot
from mlem_provider_sagemaker.steps.wanted_records import account_of, defaults_of, reason_of

if TYPE_CHECKING:
    from mlem_provider_sagemaker.api.aws import Account
    from mlem_provider_sagemaker.deployment import SagemakerContext, SagemakerDeployment
    from mlem_provider_sagemaker.env import SagemakerEnv

_TRIES = 3


class EndpointStep(Step["SagemakerDeployment", "SagemakerEnv", EndpointRecord]):
    """The endpoint."""

    record = EndpointRecord
    serves = True

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._seen: Mapping[str, Any] | None = None

    def wanted(self, ctx: SagemakerContext) -> EndpointRecord:
        """Want the endpoint to serve this configuration."""
        return wanted_records.endpoint(ctx)

    def observe(self, ctx: SagemakerContext, recorded: EndpointRecord) -> EndpointRecord | None:
        """Look whether the endpoint is there and serves what is on record."""
        account = account_of(ctx, recorded)
        self._seen = account.endpoint(recorded.endpoint)
        if self._seen is None:
            return None
        account.remember(recorded.endpoint, self._seen)
        return recorded.changed(situation=situation(self._seen, recorded.config))

    def change(self, recorded: EndpointRecord, wanted: EndpointRecord) -> Change:
        """SageMaker replaces the instances while the old ones serve, and goes back to them if the new ones fail."""
        same = not recorded.differing(wanted, without=("situation",))
        reason = f"the endpoint is {recorded.situation}" if same else reason_of(recorded, wanted, "config", "situation")
        if recorded.endpoint != wanted.endpoint:
            return Change(
                self.name,
                "replace",
                reason,
                f"callers have to call {wanted.endpoint}; {recorded.endpoint} is deleted when it serves",
            )
        if recorded.situation == "Failed" or _becomes_serverless(recorded, wanted):
            why = (
                "a failed endpoint can't be updated"
                if recorded.situation == "Failed"
                else "an endpoint on instances can't become serverless"
            )
            return Change(self.name, "replace", reason, f"some minutes, until the new endpoint serves: {why}")
        return Change(self.name, "update", f"{reason}; the old instances serve until the new ones do")

    def check(self, ctx: SagemakerContext, wanted: EndpointRecord, recorded: EndpointRecord | None) -> None:
        """Look whether somebody else has the name."""
        name = wanted.endpoint
        if recorded is None or recorded.endpoint != name:
            account = account_of(ctx, wanted)
            self._expect_ours(ctx, account, name, account.endpoint(name))

    @staticmethod
    def _expect_ours(ctx: SagemakerContext, account: Account, name: str, found: Mapping[str, Any] | None) -> None:
        if found is not None and mark(ctx.lineage) not in found["EndpointConfigName"]:
            hosting.expect_ours(account, hosting.ENDPOINT, name, str(found["EndpointArn"]), ctx.lineage)

    def apply(self, ctx: SagemakerContext, wanted: EndpointRecord, recorded: EndpointRecord | None) -> EndpointRecord:
        """Create the endpoint, adopt the one of a killed run, or let SageMaker update it.

        The gate waits until it serves.
        """
        account = account_of(ctx, wanted)
        name = wanted.endpoint
        if recorded is None and not ctx.put_back:
            try:
                return wanted.changed(arn=self._create(ctx, account, wanted))
            except ConflictError as error:
                if error.code != EXISTS:
                    raise
        seen, self._seen = self._seen, None
        just_seen = recorded is not None and recorded.endpoint == name and not ctx.put_back
        if not just_seen or seen is None or recorded is None or situation(seen, recorded.config) != IN_PLACE:
            seen = account.endpoint(name)
        earlier, made = (
            ctx.put_back_of(EndpointRecord),
            wanted.changed(arn=self._bring(ctx, account, wanted, recorded, seen)),
        )
        return made.changed(adopted=earlier.adopted) if earlier is not None and earlier.adopted else made

    def _bring(
        self,
        ctx: SagemakerContext,
        account: Account,
        wanted: EndpointRecord,
        recorded: EndpointRecord | None,
        found: Mapping[str, Any] | None,
    ) -> str:
        """Change an endpoint from its description to what is wanted; return its ARN."""
        name = wanted.endpoint
        for _ in range(_TRIES):
            if found is None:
                return self._create(ctx, account, wanted)
            arn = str(found["EndpointArn"])
            self._expect_ours(ctx, account, name, found)
            if found["EndpointStatus"] in hosting.WORKING:
                found = hosting.settle(ctx, account, name)
                continue
            differs = found["EndpointConfigName"] != wanted.config
            if found["EndpointStatus"] == "Failed" or (
                differs and recorded is not None and _becomes_serverless(recorded, wanted)
            ):
                ctx.report(f"deleting the endpoint {name} to make it anew")
                hosting.delete_endpoint(ctx, account, name)
                found = None
                continue
            try:
                if differs or found["EndpointStatus"] != "InService":
                    self._update(ctx, account, wanted, recorded)
            except ConflictError as error:
                if error.code != BUSY:
                    raise
                found = hosting.settle(ctx, account, name)
                continue
            _set_tags(account, arn, recorded.tags if recorded else {}, wanted.tags)
            return arn
        raise ConflictError(
            f"the endpoint {name} is changed by somebody else again and again",
            code=BUSY,
            hint="find out who does it, then run again",
        )

    def _create(self, ctx: SagemakerContext, account: Account, wanted: EndpointRecord) -> str:
        name = wanted.endpoint
        request = {
            "EndpointName": name,
            "EndpointConfigName": wanted.config,
            "Tags": tags_of(ctx.lineage, ctx.name, defaults_of(account).endpoint_tags, wanted.tags),
        }
        made = account.call(f"create the endpoint {name}", "sagemaker", "create_endpoint", **request)
        account.remember(name, {"EndpointStatus": "Creating", "EndpointConfigName": wanted.config})
        return str(made["EndpointArn"])

    def _update(
        self, ctx: SagemakerContext, account: Account, wanted: EndpointRecord, recorded: EndpointRecord | None
    ) -> None:
        deployment, name = ctx.deployment, wanted.endpoint
        scales = ctx.record_of(AutoscalingRecord) is not None
        if scales and recorded is not None and recorded.instance_type != wanted.instance_type:
            scaling.deregister(account, name)  # while they scale, an update to other instances is refused
        policy = deployment.update_policy
        account.call(
            f"update the endpoint {name}",
            "sagemaker",
            "update_endpoint",
            EndpointName=name,
            EndpointConfigName=wanted.config,
            # as many instances as the load requires now
            RetainAllVariantProperties=True if scales and deployment.autoscaling else None,
            DeploymentConfig=policy.request() if policy and wanted.instance_type else None,
        )
        account.remember(name, {"EndpointStatus": "Updating", "EndpointConfigName": ""})

    def remove(self, ctx: SagemakerContext, recorded: EndpointRecord | None) -> None:
        """Remove the endpoint, and wait until it is gone."""
        account = account_of(ctx, recorded)
        wanted = wanted_records.endpoint(ctx).endpoint
        for name in dict.fromkeys([recorded.endpoint if recorded else wanted, wanted]):
            found = account.endpoint(name)
            if found is None:
                continue
            try:
                hosting.expect_ours(account, hosting.ENDPOINT, name, found["EndpointArn"], ctx.lineage)
            except ConflictError as error:
                ctx.report(f"left alone: {error.message}")
                continue
            hosting.delete_endpoint(ctx, account, name)

    def prune(self, ctx: SagemakerContext, keep: Sequence[EndpointRecord]) -> None:
        """Remove the endpoint of an earlier name."""
        if not keep:
            return
        account = account_of(ctx, keep[0])
        for name in self._snapshot.unused.of(ctx, keep[0], hosting.ENDPOINT):
            if name != keep[0].endpoint.lower():
                hosting.delete_endpoint(ctx, account, name)


class AutoscalingStep(Step["SagemakerDeployment", "SagemakerEnv", AutoscalingRecord]):
    """How the number of instances follows the calls."""

    record = AutoscalingRecord

    def wanted(self, ctx: SagemakerContext) -> AutoscalingRecord | None:
        """Want these numbers; they are registered again with each configuration, since an update may drop them."""
        autoscaling = ctx.deployment.autoscaling
        if autoscaling is None:
            return None
        endpoint = wanted_records.endpoint(ctx)
        return AutoscalingRecord(
            endpoint=endpoint.endpoint, config=endpoint.config, region=endpoint.region, **autoscaling.model_dump()
        )

    def apply(
        self, ctx: SagemakerContext, wanted: AutoscalingRecord, recorded: AutoscalingRecord | None
    ) -> AutoscalingRecord:
        """Register the endpoint, which has to be in service for that."""
        account = account_of(ctx, wanted)
        found = hosting.settle(ctx, account, wanted.endpoint)
        status = hosting.status(found, wanted)
        if status.phase is not Phase.RUNNING:
            raise GateError(f"the new release is {status.phase}: {status.reason}")
        scaling.register(
            account, wanted.endpoint, wanted.min_instances, wanted.max_instances, wanted.target_invocations
        )
        return wanted

    def observe(self, ctx: SagemakerContext, recorded: AutoscalingRecord) -> AutoscalingRecord | None:
        """Look whether the endpoint scales as recorded."""
        found = scaling.registered(account_of(ctx, recorded), recorded.endpoint)
        return (
            recorded.changed(min_instances=found["MinCapacity"], max_instances=found["MaxCapacity"]) if found else None
        )

    def remove(self, ctx: SagemakerContext, recorded: AutoscalingRecord | None) -> None:
        """Stop scaling the endpoint."""
        if recorded is not None:
            scaling.deregister(account_of(ctx, recorded), recorded.endpoint)


def _becomes_serverless(recorded: EndpointRecord, wanted: EndpointRecord) -> bool:
    """Whether an update would be refused.

    Source: SageMaker developer guide, "Serverless endpoints", "Update": from instances to serverless is refused (read
    2026-11).
    """
    return recorded.instance_type is not None and wanted.instance_type is None


def _set_tags(account: Account, arn: str, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    added = {key: value for key, value in after.items() if before.get(key) != value}
    gone = sorted(before.keys() - after.keys())
    if added:
        tags = [{"Key": key, "Value": value} for key, value in added.items()]
        account.call(f"tag {arn}", "sagemaker", "add_tags", ResourceArn=arn, Tags=tags)
    if gone:
        account.call(f"untag {arn}", "sagemaker", "delete_tags", ResourceArn=arn, TagKeys=gone)
