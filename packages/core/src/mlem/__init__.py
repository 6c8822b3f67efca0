"""Deploy a saved model to any platform with one command, and keep track of it there.

The names below are what providers, state managers and model types are written with. `mlem.api` is what programs use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlem.builder import Builder
    from mlem.client import Client
    from mlem.deployment import Condition, Deployment, DeploymentStatus
    from mlem.env import Env
    from mlem.errors import MlemError
    from mlem.hookspecs import hookimpl
    from mlem.model import Model
    from mlem.model_types.base import ModelType
    from mlem.state import LockInfo, Release, State
    from mlem.state_manager import StateManager, Store
    from mlem.step import Change, Context, Record, Step

_HOMES = {
    "Builder": "builder",
    "Change": "step",
    "Client": "client",
    "Condition": "deployment",
    "Context": "step",
    "Deployment": "deployment",
    "DeploymentStatus": "deployment",
    "Env": "env",
    "LockInfo": "state",
    "MlemError": "errors",
    "Model": "model",
    "ModelType": "model_types.base",
    "Record": "step",
    "Release": "state",
    "State": "state",
    "StateManager": "state_manager",
    "Step": "step",
    "Store": "state_manager",
    "hookimpl": "hookspecs",
}

__all__ = [
    "Builder",
    "Change",
    "Client",
    "Condition",
    "Context",
    "Deployment",
    "DeploymentStatus",
    "Env",
    "LockInfo",
    "MlemError",
    "Model",
    "ModelType",
    "Record",
    "Release",
    "State",
    "StateManager",
    "Step",
    "Store",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: `import mlem` stays cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
