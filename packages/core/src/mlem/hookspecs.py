"""The hooks for what deploys: envs, deployments, state managers, clients, builders.

The hooks for model types and data types are in `mlem_model.hookspecs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem_model.hookspecs import hookspec

if TYPE_CHECKING:
    from mlem.clients.client import Client
    from mlem.deployments.builder import Builder
    from mlem.deployments.deployment import Deployment
    from mlem.deployments.env import Env
    from mlem.state.manager import StateManager


@hookspec
def mlem_envs() -> Sequence[type[Env]]:  # type: ignore[empty-body]  # pluggy never calls a specification
    """Return env classes; called when an env type is looked up."""


@hookspec
def mlem_deployments() -> Sequence[type[Deployment]]:  # type: ignore[empty-body]  # see above
    """Return deployment classes; called when a deployment type is looked up."""


@hookspec
def mlem_state_managers() -> Sequence[type[StateManager]]:  # type: ignore[empty-body]  # see above
    """Return state manager classes; called when a state manager type is looked up."""


@hookspec
def mlem_clients() -> Sequence[type[Client]]:  # type: ignore[empty-body]  # see above
    """Return client classes; called when a client type is looked up."""


@hookspec
def mlem_builders() -> Sequence[type[Builder]]:  # type: ignore[empty-body]  # see above
    """Return builder classes; called when a builder type is looked up."""
