"""The resources of a deployment, in the order in which they are made."""

from __future__ import annotations

from mlem import Step
from mlem_provider_sagemaker.endpoints import AutoscalingStep, EndpointStep
from mlem_provider_sagemaker.images import ImageStep, RepositoryStep
from mlem_provider_sagemaker.models import EndpointConfigStep, ModelStep
from mlem_provider_sagemaker.snapshot import Snapshot


def steps() -> list[Step]:
    """Return the steps of one operation; they share what they find out."""
    snapshot = Snapshot()
    sharing = (ImageStep, ModelStep, EndpointConfigStep, EndpointStep, AutoscalingStep)
    return [RepositoryStep(), *[step(snapshot) for step in sharing]]
