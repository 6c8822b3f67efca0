"""The hooks of this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem import hookimpl

if TYPE_CHECKING:
    from mlem import StateManager

api_version = 1


@hookimpl
def mlem_state_managers() -> Sequence[type[StateManager]]:
    """Return the state manager on S3."""
    from mlem_state_s3.state_manager import S3StateManager

    return [S3StateManager]
