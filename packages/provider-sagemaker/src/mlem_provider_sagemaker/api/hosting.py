"""Models, endpoint configurations and endpoints: made, adopted, listed, deleted; only those with this lineage's tag.

Source: SageMaker API reference, CreateModel, CreateEndpointConfig, CreateEndpoint, UpdateEndpoint, DescribeEndpoint,
DeleteEndpoint (read 2026-11).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlem import ConflictError, Phase, Status, WaitTimeoutError
from mlem_provider_sagemaker.api.aws import Account
from mlem_provider_sagemaker.api.errors import EXISTS
from mlem_provider_sagemaker.names import LINEAGE_TAG, mark, owner
from mlem_provider_sagemaker.records import (
    IN_PLACE,
    AutoscalingRecord,
    EndpointConfigRecord,
    EndpointRecord,
    ModelRecord,
)

if TYPE_CHECKING:
    from mlem_provider_sagemaker.deployment import SagemakerContext

WORKING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
"""While an endpoint has one of these states, nothing can be done to it."""
_SERVING = frozenset({"InService", "SystemUpdating"})


@dataclass(frozen=True)
class Kind:
    """A kind of resource in SageMaker's API.

    Attributes:
        noun: For messages.
        operation: The end of boto3's names of operations.
        name: The parameter that has its name.
        arn: The field that has its ARN.
        listed: The field of a list's answer that has the items.
    """

    noun: str
    operation: str
    name: str
    arn: str
    listed: str


MODEL = Kind("model", "model", "ModelName", "ModelArn", "Models")
CONFIG = Kind("endpoint configuration", "endpoint_config", "EndpointConfigName", "EndpointConfigArn", "EndpointConfigs")
ENDPOINT = Kind("endpoint", "endpoint", "EndpointName", "EndpointArn", "Endpoints")


def create(account: Account, kind: Kind, lineage: str, request: Mapping[str, Any]) -> str:
    """Create a resource, or adopt the one that a killed run made; return its ARN.

    Raises:
        ConflictError: There is one of this name that belongs to somebody else.
    """
    name = str(request[kind.name])
    try:
        return str(
            account.call(f"create the {kind.noun} {name}", "sagemaker", f"create_{kind.operation}", **request)[kind.arn]
        )
    except ConflictError as error:
        if error.code != EXISTS:
            raise
        found = account.call(
            f"describe the {kind.noun} {name}", "sagemaker", f"describe_{kind.operation}", **{kind.name: name}
        )
        expect_ours(account, kind, name, found[kind.arn], lineage)
        return str(found[kind.arn])


def expect_ours(account: Account, kind: Kind, name: str, arn: str, lineage: str) -> None:
    """Refuse to touch what belongs to somebody else.

    Raises:
        ConflictError: It does not have this lineage's tag.
    """
    choose = "choose another name: --endpoint_name NAME"
    hint = choose if kind is ENDPOINT else f"check with: aws sagemaker list-tags --resource-arn {arn}"
    owner(account.tags(arn)).expect(lineage, f"the {kind.noun} {name}", hint)


def delete(account: Account, kind: Kind, name: str) -> None:
    """Delete a resource; one that is gone is fine."""
    account.find(f"delete the {kind.noun} {name}", "sagemaker", f"delete_{kind.operation}", **{kind.name: name})


def delete_all(ctx: SagemakerContext, account: Account, kind: Kind) -> None:
    """Delete a lineage's models or endpoint configurations, even those that no state knows."""
    found = account.pages(
        f"list {kind.noun}s", "sagemaker", f"list_{kind.operation}s", kind.listed, NameContains=mark(ctx.lineage)
    )
    for item in list(found):
        if owner(account.tags(item[kind.arn])).lineage == ctx.lineage:
            ctx.guard()
            delete(account, kind, item[kind.name])


def delete_adopted(
    ctx: SagemakerContext, account: Account, kind: Kind, recorded: ModelRecord | EndpointConfigRecord | None
) -> None:
    """Delete a model or an endpoint configuration that MLEM 0.4 made and that was taken over.

    Its name does not say that it is ours.
    """
    if recorded is not None and recorded.adopted and owner(account.tags(recorded.arn)).lineage == ctx.lineage:
        ctx.guard()
        delete(account, kind, str(recorded.name))


def tagged(account: Account, lineage: str) -> dict[Kind, dict[str, dict[str, str]]]:
    """List what has a lineage's tag, with one call: tags by name, by kind.

    The list is what AWS knew a moment ago: what is missing is found next time, and what is gone can be deleted again.
    Source: Resource Groups Tagging API reference, GetResources (read 2026-11).
    """
    kinds = {"sagemaker:model": MODEL, "sagemaker:endpoint-config": CONFIG, "sagemaker:endpoint": ENDPOINT}
    items: Iterator[Mapping[str, Any]] = account.pages(
        "list what has the deployment's tag",
        "resourcegroupstaggingapi",
        "get_resources",
        "ResourceTagMappingList",
        TagFilters=[{"Key": LINEAGE_TAG, "Values": [lineage]}],
        ResourceTypeFilters=list(kinds),
    )
    found: dict[Kind, dict[str, dict[str, str]]] = {kind: {} for kind in kinds.values()}
    for item in items:
        kind, _, name = item["ResourceARN"].rpartition(":")[2].partition("/")
        found[kinds[f"sagemaker:{kind}"]][name] = {tag["Key"]: tag["Value"] for tag in item["Tags"]}
    return found


def situation(found: Mapping[str, Any], config: str | None) -> str:
    """Say how an endpoint differs from its record; `IN_PLACE` when it does not."""
    status = found["EndpointStatus"]
    if status not in _SERVING:
        return str(status)
    return IN_PLACE if found["EndpointConfigName"] == config else f"on {found['EndpointConfigName']}"


def status(found: Mapping[str, Any] | None, record: EndpointRecord | AutoscalingRecord) -> Status:
    """Say what an endpoint is doing."""
    name = record.endpoint
    if found is None:
        return Status(Phase.CRASHED, f"the endpoint {name} is gone")
    status, reason = found["EndpointStatus"], found.get("FailureReason") or ""
    if status in _SERVING:
        if found["EndpointConfigName"] == record.config:
            return Status(Phase.RUNNING)
        if reason:
            return Status(Phase.CRASHED, f"SageMaker put {found['EndpointConfigName']} back: {reason}")
        return Status(
            Phase.UNKNOWN, f"the endpoint {name} serves {found['EndpointConfigName']}: run again to repair it"
        )
    if status in ("Creating", "Updating", "RollingBack"):
        return Status(Phase.STARTING, f"the endpoint {name} is {status}")
    if status in ("OutOfService", "Deleting"):
        return Status(Phase.STOPPED, f"the endpoint {name} is {status}")
    return Status(Phase.CRASHED, f"the endpoint {name} is {status}{f': {reason}' if reason else ''}")


def settle(
    ctx: SagemakerContext, account: Account, name: str, done: Callable[[Mapping[str, Any] | None], bool] | None = None
) -> Mapping[str, Any] | None:
    """Wait until an endpoint is not being changed any more; nothing can be done to it before.

    Args:
        ctx: The run's context.
        account: Where it is.
        name: The endpoint.
        done: What else is waited for.

    Returns:
        Its description; None when it is gone.

    Raises:
        WaitTimeoutError: It takes longer than the gate's time.
    """
    deadline = time.monotonic() + ctx.deployment.gate_timeout_s
    for pause_s in ctx.deployment.pauses():
        found = account.endpoint(name)
        if (found is None or found["EndpointStatus"] not in WORKING) and (done is None or done(found)):
            return found
        if time.monotonic() + pause_s > deadline:
            status = found["EndpointStatus"] if found else "gone"
            raise WaitTimeoutError(
                f"the endpoint {name} is still {status} after {ctx.deployment.gate_timeout_s:g} s",
                hint="wait longer: --gate_timeout_s",
            )
        ctx.guard()
        ctx.report(f"the endpoint {name} is {found['EndpointStatus'] if found else 'gone'}, waiting")
        time.sleep(pause_s)
    raise AssertionError("unreachable")


def delete_endpoint(ctx: SagemakerContext, account: Account, name: str) -> None:
    """Delete an endpoint of this lineage and wait until it is gone; fine when it already has."""
    found: Mapping[str, Any] | None = account.endpoint(name)
    if found is None:
        return
    if found["EndpointStatus"] in WORKING - {"Deleting"}:
        found = settle(ctx, account, name)
    if found is not None and found["EndpointStatus"] != "Deleting":
        ctx.guard()
        delete(account, ENDPOINT, name)
    settle(ctx, account, name, lambda now: now is None)
