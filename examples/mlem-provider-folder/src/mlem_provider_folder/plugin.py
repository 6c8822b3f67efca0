"""The hooks."""

from __future__ import annotations

from typing import Any

from mlem import hookimpl

api_version = 1


@hookimpl
def mlem_envs() -> list[type[Any]]:
    """Return the env."""
    from mlem_provider_folder.deployment import FolderEnv

    return [FolderEnv]


@hookimpl
def mlem_deployments() -> list[type[Any]]:
    """Return the deployment."""
    from mlem_provider_folder.deployment import FolderProcess

    return [FolderProcess]
