"""What comes with the core, registered through the same hooks as any plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem.hookspecs import hookimpl

if TYPE_CHECKING:
    from mlem.client import Client
    from mlem.model_types.base import ModelType
    from mlem.state_manager import StateManager

api_version = 1


@hookimpl
def mlem_state_managers() -> Sequence[type[StateManager]]:
    """Return the state managers of the core."""
    from mlem.stores.fsspec import FsspecStateManager
    from mlem.stores.local import LocalStateManager

    return [FsspecStateManager, LocalStateManager]


@hookimpl
def mlem_clients() -> Sequence[type[Client]]:
    """Return the clients of the core."""
    from mlem.clients.http import HttpClient

    return [HttpClient]


@hookimpl
def mlem_model_types() -> Sequence[type[ModelType]]:
    """Return the model types of the core, the more specific first."""
    from mlem.model_types.callable import CallableModel, ObjectModel
    from mlem.model_types.onnx import OnnxModel
    from mlem.model_types.sklearn import SklearnModel
    from mlem.model_types.skops import SkopsModel

    return [SklearnModel, SkopsModel, OnnxModel, ObjectModel, CallableModel]
