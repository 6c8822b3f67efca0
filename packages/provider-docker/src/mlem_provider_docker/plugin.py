"""The hooks of this provider."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem import hookimpl

if TYPE_CHECKING:
    from mlem import Builder, Deployment, Env

api_version = 1


@hookimpl
def mlem_envs() -> Sequence[type[Env]]:
    """Return a Docker Engine as an env."""
    from mlem_provider_docker.env import DockerEnv

    return [DockerEnv]


@hookimpl
def mlem_deployments() -> Sequence[type[Deployment]]:
    """Return the deployment as a container."""
    from mlem_provider_docker.deployment import DockerContainer

    return [DockerContainer]


@hookimpl
def mlem_builders() -> Sequence[type[Builder]]:
    """Return the builders of an image, and of a folder to build one from."""
    from mlem_provider_docker.builders import DockerBuilder, DockerDirBuilder

    return [DockerBuilder, DockerDirBuilder]
