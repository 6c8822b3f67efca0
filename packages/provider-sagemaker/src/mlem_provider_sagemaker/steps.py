"""The resources of a deployment, in the order in which they are made."""

from __future__ import annotations

from mlem import Step
from mlem_provider_sagemaker.endpoints import AutoscalingStep, EndpointStep
from mlem_provider_sagemaker.findings import Findings
from mlem_provider_sagemaker.images import ImageStep, RepositoryStep
from mlem_provider_sagemaker.models import EndpointConfigStep, ModelStep


def steps() -> list[Step]:
    """Return the steps of one operation; they share what they find out."""
    findings = Findings()
    sharing = (ImageStep, ModelStep, EndpointConfigStep, EndpointStep, AutoscalingStep)
    return [RepositoryStep(), *[step(findings) for step in sharing]]
