"""Deploy a saved model to any platform with one command, and keep track of it there.

The names below are the contracts that providers, state managers, builders and model types are written against: the first of two doors.
The second, `mlem.provider`, has what helps to keep them, and `mlem.testing` tests whether they are kept. A plugin imports nothing else
of ours. `mlem.api` is what programs use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem.builder import Builder
    from mlem.client import Client
    from mlem.deployment import Deployment, Phase, Status
    from mlem.env import Env
    from mlem.errors import (
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
    from mlem.hookspecs import hookimpl
    from mlem.interface import Interface
    from mlem.model import Model
    from mlem.model_types.base import ModelType
    from mlem.objects import Value
    from mlem.place import Place
    from mlem.record import Record
    from mlem.state import Release, State
    from mlem.state_manager import ABSENT, StateManager, Store, Versioned
    from mlem.step import Change, Context, Step

    __version__: str

_HOMES = {
    "ABSENT": "state_manager",
    "Builder": "builder",
    "Change": "step",
    "Client": "client",
    "ConflictError": "errors",
    "Context": "step",
    "CredentialsError": "errors",
    "DataError": "errors",
    "DeclarationError": "errors",
    "Deployment": "deployment",
    "Env": "env",
    "GateError": "errors",
    "Interface": "interface",
    "LockedError": "errors",
    "MlemError": "errors",
    "Model": "model",
    "ModelType": "model_types.base",
    "NotFoundError": "errors",
    "Phase": "deployment",
    "Place": "place",
    "PlatformError": "errors",
    "PluginError": "errors",
    "Record": "record",
    "Release": "state",
    "State": "state",
    "StateManager": "state_manager",
    "StateUnknownError": "errors",
    "Status": "deployment",
    "Step": "step",
    "Store": "state_manager",
    "UserError": "errors",
    "Value": "objects",
    "Versioned": "state_manager",
    "WaitTimeoutError": "errors",
    "hookimpl": "hookspecs",
}

__all__ = [
    "ABSENT",
    "Builder",
    "Change",
    "Client",
    "ConflictError",
    "Context",
    "CredentialsError",
    "DataError",
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
    "UserError",
    "Value",
    "Versioned",
    "WaitTimeoutError",
    "__version__",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: `import mlem` stays cheap."""
    if name == "__version__":
        from importlib.metadata import version

        return version("mlem-core")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"mlem.{_HOMES[name]}"), name)
