"""What this distribution brings to mlem; it imports nothing before that is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlem import hookimpl

if TYPE_CHECKING:
    from mlem import StateManager

api_version = 1


@hookimpl
def mlem_state_managers() -> list[type[StateManager]]:
    """Return the state manager."""
    from mlem_state_cumulus.state_manager import CumulusStateManager

    return [CumulusStateManager]
