"""What comes with the core, registered through the same hooks as any plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem_model.hookspecs import hookimpl

if TYPE_CHECKING:
    from mlem.clients.client import Client
    from mlem.state.manager import StateManager

api_version = 1


@hookimpl
def mlem_state_managers() -> Sequence[type[StateManager]]:
    """Return the state managers of the core."""
    from mlem.state.stores.fsspec import FsspecStateManager
    from mlem.state.stores.local import LocalStateManager

    return [FsspecStateManager, LocalStateManager]


@hookimpl
def mlem_clients() -> Sequence[type[Client]]:
    """Return the clients of the core."""
    from mlem.clients.http import HttpClient

    return [HttpClient]
