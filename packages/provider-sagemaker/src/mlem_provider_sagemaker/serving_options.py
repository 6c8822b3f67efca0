"""How an endpoint serves: on instances or serverless, scaled, recorded, updated; each one field of the deployment.

Source of the limits: SageMaker API reference, ProductionVariant, ProductionVariantServerlessConfig, DataCaptureConfig,
BlueGreenUpdatePolicy, RollingUpdatePolicy, TrafficRoutingConfig (read 2026-11).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mlem import Value
from mlem.provider import Unit

VARIANT = "AllTraffic"
"""The name of the only variant, as SageMaker's console and SDK call it."""


class Serverless(Value):
    """Without instances: billed by use, with a cold start."""

    memory_mib: Annotated[int, Field(ge=1024, le=6144, multiple_of=1024), Unit("MiB")] = Field(
        default=2048, description="memory"
    )
    max_concurrency: Annotated[int, Field(ge=1, le=200)] = Field(
        default=5, description="calls that are answered at once"
    )
    provisioned_concurrency: Annotated[int, Field(ge=1, le=200)] | None = Field(
        default=None, description="calls that are answered without a cold start (default: none)"
    )


class Autoscaling(Value):
    """The number of instances follows the number of calls."""

    min_instances: Annotated[int, Field(ge=1)] = Field(default=1, description="fewest instances")
    max_instances: Annotated[int, Field(ge=1)] = Field(description="most instances")
    target_invocations: Annotated[float, Field(gt=0), Unit("1/min")] = Field(
        default=1000.0, description="calls per instance and minute that the number of instances aims at"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_instances > self.max_instances:
            raise ValueError(f"min_instances {self.min_instances} is above max_instances {self.max_instances}")
        return self


class DataCapture(Value):
    """Requests and answers are recorded on S3."""

    s3_uri: str = Field(pattern=r"^s3://[^/]+", description="where to: s3://bucket/path")
    sampling_percent: Annotated[int, Field(ge=1, le=100), Unit("%")] = Field(
        default=100, description="part of the calls"
    )


class UpdatePolicy(Value):
    """How SageMaker replaces the instances in an update; each kind keeps the old ones until the new ones serve."""

    kind: Literal["all_at_once", "canary", "linear", "rolling"] = Field(
        default="all_at_once", description="how traffic moves to the new instances"
    )
    size_percent: Annotated[int, Field(ge=1, le=50), Unit("%")] = Field(
        default=10, description="part of the instances in a canary, or in each step of linear and rolling"
    )
    wait_s: Annotated[int, Field(ge=0, le=3600), Unit("s")] = Field(default=60, description="time between steps")
    termination_wait_s: Annotated[int, Field(ge=0, le=3600), Unit("s")] = Field(
        default=0, description="time that the old instances stay after the last step"
    )
    alarms: list[str] = Field(default=[], description="CloudWatch alarms that send an update back while it is going on")

    def request(self) -> dict[str, Any]:
        """Return SageMaker's ``DeploymentConfig``."""
        size = {"Type": "CAPACITY_PERCENT", "Value": self.size_percent}
        alarms = (
            {"AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in self.alarms]}}
            if self.alarms
            else {}
        )
        if self.kind == "rolling":
            return {"RollingUpdatePolicy": {"MaximumBatchSize": size, "WaitIntervalInSeconds": self.wait_s}, **alarms}
        routing = {
            "all_at_once": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": self.wait_s},
            "canary": {"Type": "CANARY", "CanarySize": size, "WaitIntervalInSeconds": self.wait_s},
            "linear": {"Type": "LINEAR", "LinearStepSize": size, "WaitIntervalInSeconds": self.wait_s},
        }[self.kind]
        policy = {"TrafficRoutingConfiguration": routing, "TerminationWaitInSeconds": self.termination_wait_s}
        return {"BlueGreenUpdatePolicy": policy, **alarms}
