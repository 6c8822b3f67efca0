"""Every hook. A plugin is a module with some of these functions, named in the entry-point group ``mlem``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from mlem.builder import Builder
    from mlem.client import Client
    from mlem.deployment import Deployment
    from mlem.env import Env
    from mlem.model_types.base import ModelType
    from mlem.state_manager import StateManager

hookspec = pluggy.HookspecMarker("mlem")
hookimpl = pluggy.HookimplMarker("mlem")
"""Marks a function of a plugin as an implementation of the hook of its name: ``mlem_envs``, ``mlem_deployments`` and so on."""

API_VERSION = 1
"""The version of these hooks; a plugin may state the one it was written for as ``api_version``."""


@hookspec
def mlem_envs() -> Sequence[type[Env]]:  # type: ignore[empty-body]  # pluggy never calls a specification
    """Return env classes; called when an env type is looked up."""


@hookspec
def mlem_deployments() -> Sequence[type[Deployment]]:  # type: ignore[empty-body]
    """Return deployment classes; called when a deployment type is looked up."""


@hookspec
def mlem_state_managers() -> Sequence[type[StateManager]]:  # type: ignore[empty-body]
    """Return state manager classes; called when a state manager type is looked up."""


@hookspec
def mlem_clients() -> Sequence[type[Client]]:  # type: ignore[empty-body]
    """Return client classes; called when a client type is looked up."""


@hookspec
def mlem_builders() -> Sequence[type[Builder]]:  # type: ignore[empty-body]
    """Return builder classes; called when a builder type is looked up."""


@hookspec
def mlem_model_types() -> Sequence[type[ModelType]]:  # type: ignore[empty-body]
    """Return model type classes, asked in order whether a Python object is theirs; called when a model is saved or loaded."""
