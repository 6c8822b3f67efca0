"""`Findings`: what the steps of one operation find out once, and share."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlem_provider_sagemaker.leftovers import Leftovers
from mlem_provider_sagemaker.role import EndpointRole


@dataclass(frozen=True)
class Findings:
    """What the steps of one operation find out once, and share.

    Attributes:
        leftovers: What has the deployment's tag.
        role: The role that the endpoint runs as.
    """

    leftovers: Leftovers = field(default_factory=Leftovers)
    role: EndpointRole = field(default_factory=EndpointRole)
