"""Handles of deployments, from what a command was given."""

from __future__ import annotations

from typing import Any

from mlem.deployments.handle import DeploymentHandle
from mlem.project.project import locate


def handle(name: str, project: str | None, **options: Any) -> DeploymentHandle:
    """Return a handle of a declared deployment."""
    return DeploymentHandle.of(locate(name, project), **options)
