"""The resources of a deployment, in the order in which they are made."""

from __future__ import annotations

from mlem.step import Step
from mlem_provider_sagemaker.endpoints import AutoscalingStep, EndpointStep
from mlem_provider_sagemaker.images import ImageStep, RepositoryStep
from mlem_provider_sagemaker.leftovers import Leftovers
from mlem_provider_sagemaker.models import EndpointConfigStep, ModelStep


def steps() -> list[Step]:
    """Return the steps of one operation; they share what they find out."""
    leftovers = Leftovers()
    sharing = (ImageStep, ModelStep, EndpointConfigStep, EndpointStep, AutoscalingStep)
    return [RepositoryStep(), *[step(leftovers) for step in sharing]]
