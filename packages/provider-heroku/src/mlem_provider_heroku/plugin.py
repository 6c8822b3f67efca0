"""The hooks of this provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem import hookimpl

if TYPE_CHECKING:
    from mlem import Deployment, Env

api_version = 1


@hookimpl
def mlem_envs() -> Sequence[type[Env]]:
    """Return Heroku as an env."""
    from mlem_provider_heroku.env import HerokuEnv

    return [HerokuEnv]


@hookimpl
def mlem_deployments() -> Sequence[type[Deployment]]:
    """Return the deployment as an app."""
    from mlem_provider_heroku.deployment import HerokuApp

    return [HerokuApp]
