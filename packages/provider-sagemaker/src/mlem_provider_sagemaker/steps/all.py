"""The resources of a deployment, in the order in which they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlem import Step
from mlem_provider_sagemaker.steps.endpoint import AutoscalingStep, EndpointStep
from mlem_provider_sagemaker.steps.image import ImageStep, RepositoryStep
from mlem_provider_sagemaker.steps.model import EndpointConfigStep, ModelStep
from mlem_provider_sagemaker.steps.snapshot import Snapshot

if TYPE_CHECKING:
    from mlem_provider_sagemaker.deployment import SagemakerDeployment
    from mlem_provider_sagemaker.env import SagemakerEnv


def steps() -> list[Step[SagemakerDeployment, SagemakerEnv, Any]]:
    """Return the steps of one operation; they share what they find out."""
    snapshot = Snapshot()
    return [
        RepositoryStep(),
        ImageStep(snapshot),
        ModelStep(snapshot),
        EndpointConfigStep(snapshot),
        EndpointStep(snapshot),
        AutoscalingStep(),
    ]
