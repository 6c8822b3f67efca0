"""Endpoints that MLEM 0.4 made, taken over.

They, their configurations and their models get the tag of their new owner.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mlem import ConflictError, NotFoundError
from mlem.provider import BY_04, Adopted, Candidate, FieldReader
from mlem_provider_sagemaker.names import owner, tags_of
from mlem_provider_sagemaker.records import IN_PLACE, EndpointConfigRecord, EndpointRecord, ModelRecord
from mlem_provider_sagemaker.steps import wanted_records
from mlem_provider_sagemaker.steps.wanted_records import account_of

if TYPE_CHECKING:
    from mlem_provider_sagemaker.api.aws import Account
    from mlem_provider_sagemaker.deployment import SagemakerContext

_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")


def words(old: Mapping[str, Any]) -> str:
    """Say which endpoint a state of MLEM 0.4 has on record; empty when it has none."""
    name = old.get("endpoint_name")
    return f"the endpoint {str(name)[:63]}" if name else ""


def adopt(ctx: SagemakerContext, old: Mapping[str, Any], by: str = BY_04) -> Adopted:
    """Take over an endpoint that is not ours, by adding our tags.

    Args:
        ctx: The context, with the lineage.
        old: What a state of MLEM 0.4 has on record, or the same of an endpoint that a person points to.
        by: Who made it.

    Raises:
        DeclarationError: What is on record is not the name of an endpoint.
        NotFoundError: There is no such endpoint in this account and region.
        ConflictError: It belongs to another deployment, or the env is of another region.
    """
    name = str(old["endpoint_name"])
    if not _NAME.fullmatch(name):
        raise FieldReader("the state").fail("endpoint_name", "this is not the name of an endpoint")
    account = account_of(ctx)
    region = old.get("region")
    if region and region != account.region:
        raise ConflictError(
            f"{words(old)} is in {region}, and the env in {account.region}",
            code="other-region",
            hint=f"set the env's region: {region}; then mlem migrate again",
        )
    found = account.endpoint(name)
    if found is None:
        raise NotFoundError(
            f"there is no {words(old)[4:]} in the account {account.identity['Account']} in {account.region}",
            code="endpoint-not-found",
            hint="repeat mlem migrate with the credentials of the right account; "
            "if the endpoint is gone for good, move the state's file away",
        )
    config_name = str(found["EndpointConfigName"])
    config = account.call(
        f"describe the endpoint configuration {config_name}",
        "sagemaker",
        "describe_endpoint_config",
        EndpointConfigName=config_name,
    )
    variants = config["ProductionVariants"]
    if len(variants) != 1:
        raise ConflictError(
            f"{words(old)} has {len(variants)} variants, but a deployment has only one", code="not-ours"
        )
    return _adopted(ctx, account, old, found, config, variants[0], by)


def _adopted(
    ctx: SagemakerContext,
    account: Account,
    old: Mapping[str, Any],
    found: Mapping[str, Any],
    config: Mapping[str, Any],
    variant: Mapping[str, Any],
    by: str,
) -> Adopted:
    model = account.call(
        f"describe the model {variant['ModelName']}", "sagemaker", "describe_model", ModelName=variant["ModelName"]
    )
    arns = {
        "endpoint": str(found["EndpointArn"]),
        "configuration": str(config["EndpointConfigArn"]),
        "model": str(model["ModelArn"]),
    }
    for what, arn in arns.items():  # all are checked before one is changed
        found_owner = owner(account.tags(arn))
        if found_owner.lineage is not None:
            found_owner.expect(ctx.lineage, f"the {what} {arn.rpartition('/')[2]}")
    for what, arn in arns.items():
        account.call(f"tag the {what}", "sagemaker", "add_tags", ResourceArn=arn, Tags=tags_of(ctx.lineage, ctx.name))
    instance_type, instance_count = variant.get("InstanceType"), variant.get("InitialInstanceCount")
    region, name = ctx.env.region, str(found["EndpointName"])
    config_name = str(config["EndpointConfigName"])
    records = [
        ModelRecord(
            region=region,
            tags={},
            adopted=by,
            name=str(variant["ModelName"]),
            arn=arns["model"],
            image=None,
            repository=wanted_records.repository(ctx),
            role=None,
            role_arn=model.get("ExecutionRoleArn"),
        ),
        EndpointConfigRecord(
            region=region,
            tags={},
            adopted=by,
            name=config_name,
            model=str(variant["ModelName"]),
            instance_type=instance_type,
            instance_count=instance_count,
            arn=arns["configuration"],
            kms_key_used=config.get("KmsKeyId"),
        ),
        EndpointRecord(
            region=region,
            tags={},
            adopted=by,
            endpoint=name,
            config=config_name,
            instance_type=instance_type,
            situation=IN_PLACE,
            arn=arns["endpoint"],
        ),
    ]
    fields = {"endpoint_name": name, "instance_type": instance_type, "instance_count": instance_count}
    notes = [f"what {by} put on S3 and into ECR stays there: delete it by hand when the next release serves"]
    return Adopted(
        words(old), records, {key: value for key, value in fields.items() if value is not None}, tuple(notes)
    )


def candidates(ctx: SagemakerContext, name: str) -> Sequence[Candidate]:
    """Return the endpoint that has a name."""
    account = account_of(ctx)
    found = account.endpoint(name) if _NAME.fullmatch(name) else None
    if found is None:
        return ()
    made = str(found.get("CreationTime", ""))[:19]
    what = f"the endpoint {name} in {account.region}, {found.get('EndpointStatus')}, made at {made}"
    return [Candidate(name, what, owner(account.tags(str(found["EndpointArn"]))))]
