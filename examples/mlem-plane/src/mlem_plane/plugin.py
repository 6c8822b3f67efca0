"""The hooks: which types there are. Nothing is imported before it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem import hookimpl

if TYPE_CHECKING:
    from mlem import DataType, ModelType

api_version = 1


@hookimpl
def mlem_model_types() -> Sequence[type[ModelType]]:
    """Return the types of models."""
    from mlem_plane.types import NearestType

    return [NearestType]


@hookimpl
def mlem_data_types() -> Sequence[type[DataType]]:
    """Return the types of data."""
    from mlem_plane.types import PointsType

    return [PointsType]
