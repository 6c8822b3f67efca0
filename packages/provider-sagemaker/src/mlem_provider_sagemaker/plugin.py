"""The hooks of this provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem import hookimpl

if TYPE_CHECKING:
    from mlem import Client, Deployment, Env

api_version = 1


@hookimpl
def mlem_envs() -> Sequence[type[Env]]:
    """Return an AWS account's SageMaker as an env."""
    from mlem_provider_sagemaker.env import SagemakerEnv

    return [SagemakerEnv]


@hookimpl
def mlem_deployments() -> Sequence[type[Deployment]]:
    """Return the deployment as an endpoint."""
    from mlem_provider_sagemaker.deployment import SagemakerDeployment

    return [SagemakerDeployment]


@hookimpl
def mlem_clients() -> Sequence[type[Client]]:
    """Return the client of an endpoint."""
    from mlem_provider_sagemaker.client import SagemakerClient

    return [SagemakerClient]
