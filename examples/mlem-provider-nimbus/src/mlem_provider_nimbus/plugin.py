"""What this distribution brings to mlem; it imports nothing before that is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlem import hookimpl

if TYPE_CHECKING:
    from mlem import Deployment, Env

api_version = 1


@hookimpl
def mlem_envs() -> list[type[Env]]:
    """Return the env."""
    from mlem_provider_nimbus.env import NimbusEnv

    return [NimbusEnv]


@hookimpl
def mlem_deployments() -> list[type[Deployment]]:
    """Return the deployment."""
    from mlem_provider_nimbus.deployment import NimbusService

    return [NimbusService]
