"""Scaling: the number of instances follows the calls, by a target and a policy of Application Auto Scaling.

Source: SageMaker developer guide, "Automatic scaling", "Define a scaling policy", "Update endpoints that use automatic
scaling" (read 2026-11).
"""

from __future__ import annotations

from typing import Any

from mlem_provider_sagemaker.api.aws import Account
from mlem_provider_sagemaker.serving_options import VARIANT

_SERVICE = "application-autoscaling"
_DIMENSION = "sagemaker:variant:DesiredInstanceCount"
_POLICY = "mlem"


def _target(endpoint: str) -> dict[str, Any]:
    return {
        "ServiceNamespace": "sagemaker",
        "ResourceId": f"endpoint/{endpoint}/variant/{VARIANT}",
        "ScalableDimension": _DIMENSION,
    }


def register(account: Account, endpoint: str, fewest: int, most: int, invocations: float) -> None:
    """Let an endpoint scale; one that already does gets the new numbers."""
    target = _target(endpoint)
    account.call(
        f"scale the endpoint {endpoint}",
        _SERVICE,
        "register_scalable_target",
        **target,
        MinCapacity=fewest,
        MaxCapacity=most,
    )
    account.call(
        f"set the scaling of the endpoint {endpoint}",
        _SERVICE,
        "put_scaling_policy",
        **target,
        PolicyName=_POLICY,
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={
            "TargetValue": invocations,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    )


def deregister(account: Account, endpoint: str) -> None:
    """Stop scaling an endpoint, which deletes its policies; fine when it does not scale."""
    account.find(f"stop scaling the endpoint {endpoint}", _SERVICE, "deregister_scalable_target", **_target(endpoint))


def registered(account: Account, endpoint: str) -> dict[str, Any] | None:
    """Return the target of an endpoint; None when there is none."""
    target = _target(endpoint)
    found = account.call(
        f"look how the endpoint {endpoint} scales",
        _SERVICE,
        "describe_scalable_targets",
        ServiceNamespace="sagemaker",
        ResourceIds=[target["ResourceId"]],
        ScalableDimension=_DIMENSION,
    )["ScalableTargets"]
    return found[0] if found else None
