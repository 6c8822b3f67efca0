"""Handles of deployments, from what a command was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from mlem.deployments.handle import DeploymentHandle
from mlem.project.overlays import locate_deployment

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def state_option(command: CommandT) -> CommandT:
    """Add ``--state`` to a command that can do without a declaration."""
    return click.option(
        "--state",
        "store",
        metavar="URI",
        help='Take the deployment from its state in this store, without a declaration; "local" for files.',
    )(command)


def handle(name: str, project: str | None, store: str | None = None, **options: Any) -> DeploymentHandle:
    """Return a handle of a declared deployment, or of one in a store."""
    if store is not None:
        return DeploymentHandle.in_store(name, store, project, **options)
    return DeploymentHandle.of(locate_deployment(name, project), **options)
