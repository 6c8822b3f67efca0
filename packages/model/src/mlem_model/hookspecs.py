"""The hooks for model types and data types, and the marks of all hooks.

A plugin is a module with some of these functions, named in the group ``mlem``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from mlem_model.data.types.base import DataType
    from mlem_model.models.model_type import ModelType

hookspec = pluggy.HookspecMarker("mlem")
hookimpl = pluggy.HookimplMarker("mlem")
"""Marks a function of a plugin as an implementation of the hook of its name: ``mlem_envs``, ``mlem_deployments`` and so
on."""

API_VERSION = 1
"""The version of the hooks; a plugin may state the one it was written for as ``api_version``."""


@hookspec
def mlem_model_types() -> Sequence[type[ModelType]]:  # type: ignore[empty-body]  # pluggy never calls a specification
    """Return model type classes, asked in order whether a Python object is theirs.

    Called when a model is saved or loaded.
    """


@hookspec
def mlem_data_types() -> Sequence[type[DataType]]:  # type: ignore[empty-body]  # see above
    """Return data type classes: kinds of values that methods take and answer.

    Called when a file names a type that is not ours, and when no type of ours describes a value.
    """
