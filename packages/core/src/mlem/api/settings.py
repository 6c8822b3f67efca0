"""The project's settings, as ``mlem config`` reads and writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mlem.project.config import Setting, get_setting, set_setting, settings, unset_setting
from mlem.project.project import Name, locate
from mlem_model.errors import NotFoundError, UserError


def get_config(key: str, project: Name | None = None) -> Any:
    """Return the value of a setting: ``get_config("core.state.uri")``.

    Raises:
        NotFoundError: There is no such setting.
    """
    return get_setting(locate("x", project).root, key).value


def list_config(project: Name | None = None) -> Sequence[Setting]:
    """Return every setting, with the origin of its value."""
    return settings(locate("x", project).root)


def set_config(key: str, value: Any, project: Name | None = None, *, unsafe: bool = False) -> Setting:
    """Write a setting to the project's file. A store for states is tried before it is accepted.

    Args:
        key: Its dotted name: ``core.state.uri``.
        value: Its value; text is read as ``mlem config set`` reads it.
        project: The project's folder, or one below it.
        unsafe: Accept a store that can't exclude two writers; every run will warn about it.

    Raises:
        NotFoundError: The folder is in no project.
        UserError: There is no such setting.
        DeclarationError: The value does not fit; nothing is written.
        PlatformError: The store can't exclude two writers, or does not answer.
    """
    from mlem.deployments.shared_state import concerns_store, set_store

    root = _root(project)
    text = value if isinstance(value, str) else str(value) if isinstance(value, Path) else json.dumps(value)
    if concerns_store(key):
        return set_store(root, key, text, unsafe=unsafe)
    if unsafe:
        raise UserError("unsafe is for core.state.uri")
    return set_setting(root, key, text)


def unset_config(key: str, project: Name | None = None) -> bool:
    """Remove a setting from the project's file, so that its default holds; return whether it was there.

    Raises:
        NotFoundError: The folder is in no project.
    """
    return unset_setting(_root(project), key)


def _root(project: Name | None) -> Path:
    place = locate("x", project)
    if not place.in_project:
        raise NotFoundError(f"{place.root} is not in a project", code="no-project", hint="mlem.api.init()")
    return place.root
