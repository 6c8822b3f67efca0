"""The organisation's defaults: what the SageMaker SDK's configuration files say where a declaration says nothing."""

from __future__ import annotations

from pydantic import Field

from mlem import Value


class Defaults(Value):
    """The organisation's defaults; empty where it has none.

    Attributes:
        role: ARN of the role that endpoints run as.
        subnets: Ids.
        security_groups: Ids.
        kms_key: Of the instances' volumes.
        capture_kms_key: Of what data capture writes.
        model_tags: Tags of models.
        config_tags: Tags of endpoint configurations.
        endpoint_tags: Tags of endpoints.
    """

    role: str | None = None
    subnets: list[str] = Field(default_factory=list)
    security_groups: list[str] = Field(default_factory=list)
    kms_key: str | None = None
    capture_kms_key: str | None = None
    model_tags: dict[str, str] = Field(default_factory=dict)
    config_tags: dict[str, str] = Field(default_factory=dict)
    endpoint_tags: dict[str, str] = Field(default_factory=dict)
