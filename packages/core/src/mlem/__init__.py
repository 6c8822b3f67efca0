"""Deploy a saved model to any platform with one command, and keep track of it there.

The names below are the contracts for providers, state managers, builders, model types and data types: the first of two
doors for plugins. The second, `mlem.provider`, has tools for implementing them, and `mlem.testing` tests whether an
implementation keeps them. A plugin imports nothing else of ours. `mlem.api` is what programs use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem.clients.client import Client
    from mlem.deployments.access.streams import Streams
    from mlem.deployments.builder import Builder
    from mlem.deployments.deployment import Deployment, Phase, Status
    from mlem.deployments.env import Env
    from mlem.deployments.step import Change, Context, Step
    from mlem.state.manager import ABSENT, StateManager, Store, Versioned
    from mlem.state.place import Place
    from mlem.state.record import Record
    from mlem.state.state import Release, State
    from mlem_model.data.types.adapted import AdaptedType
    from mlem_model.data.types.any import parse_type
    from mlem_model.data.types.base import DataType
    from mlem_model.errors import (
        ConflictError,
        CredentialsError,
        DataError,
        DeclarationError,
        GateError,
        LockedError,
        MlemError,
        NotFoundError,
        PlatformError,
        PluginError,
        StateUnknownError,
        UserError,
        WaitTimeoutError,
    )
    from mlem_model.hookspecs import hookimpl
    from mlem_model.models.model import Model
    from mlem_model.models.model_type import ModelType
    from mlem_model.objects.object import Value
    from mlem_model.serving.interface import Interface

    __version__: str

_HOMES = {
    "ABSENT": "mlem.state.manager",
    "AdaptedType": "mlem_model.data.types.adapted",
    "Builder": "mlem.deployments.builder",
    "Change": "mlem.deployments.step",
    "Client": "mlem.clients.client",
    "ConflictError": "mlem_model.errors",
    "Context": "mlem.deployments.step",
    "CredentialsError": "mlem_model.errors",
    "DataError": "mlem_model.errors",
    "DataType": "mlem_model.data.types.base",
    "DeclarationError": "mlem_model.errors",
    "Deployment": "mlem.deployments.deployment",
    "Env": "mlem.deployments.env",
    "GateError": "mlem_model.errors",
    "Interface": "mlem_model.serving.interface",
    "LockedError": "mlem_model.errors",
    "MlemError": "mlem_model.errors",
    "Model": "mlem_model.models.model",
    "ModelType": "mlem_model.models.model_type",
    "NotFoundError": "mlem_model.errors",
    "Phase": "mlem.deployments.deployment",
    "Place": "mlem.state.place",
    "PlatformError": "mlem_model.errors",
    "PluginError": "mlem_model.errors",
    "Record": "mlem.state.record",
    "Release": "mlem.state.state",
    "State": "mlem.state.state",
    "StateManager": "mlem.state.manager",
    "StateUnknownError": "mlem_model.errors",
    "Status": "mlem.deployments.deployment",
    "Step": "mlem.deployments.step",
    "Store": "mlem.state.manager",
    "Streams": "mlem.deployments.access.streams",
    "UserError": "mlem_model.errors",
    "Value": "mlem_model.objects.object",
    "Versioned": "mlem.state.manager",
    "WaitTimeoutError": "mlem_model.errors",
    "hookimpl": "mlem_model.hookspecs",
    "parse_type": "mlem_model.data.types.any",
}

__all__ = [
    "ABSENT",
    "AdaptedType",
    "Builder",
    "Change",
    "Client",
    "ConflictError",
    "Context",
    "CredentialsError",
    "DataError",
    "DataType",
    "DeclarationError",
    "Deployment",
    "Env",
    "GateError",
    "Interface",
    "LockedError",
    "MlemError",
    "Model",
    "ModelType",
    "NotFoundError",
    "Phase",
    "Place",
    "PlatformError",
    "PluginError",
    "Record",
    "Release",
    "State",
    "StateManager",
    "StateUnknownError",
    "Status",
    "Step",
    "Store",
    "Streams",
    "UserError",
    "Value",
    "Versioned",
    "WaitTimeoutError",
    "__version__",
    "hookimpl",
    "parse_type",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: `import mlem` stays cheap."""
    if name == "__version__":
        from importlib.metadata import version

        return version("mlem-core")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
