"""`Snapshot`: what the steps of one operation find out once, and share."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlem_provider_sagemaker.steps.role import EndpointRole
from mlem_provider_sagemaker.steps.unused_resources import UnusedResources


@dataclass(frozen=True)
class Snapshot:
    """What the steps of one operation find out once, and share.

    Attributes:
        unused: What has the deployment's tag.
        role: The role that the endpoint runs as.
    """

    unused: UnusedResources = field(default_factory=UnusedResources)
    role: EndpointRole = field(default_factory=EndpointRole)
