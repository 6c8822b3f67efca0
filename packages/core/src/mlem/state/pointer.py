"""The pointer of a deployment: a note beside its declaration of which state manager has its state.

Whoever changes ``core.state.uri`` would find nothing under the new one, and take a running deployment for one that was
never made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlem.state.manager import StateManager, Store
from mlem.state.state import STATE_EXTENSION, State, of_04
from mlem_model.errors import ConflictError, MlemError, UserError
from mlem_model.objects.files import unusable, write_atomic
from mlem_model.objects.yaml_file import dump, read_mapping
from mlem_model.plugins.registry import registry

SUFFIX = f"{STATE_EXTENSION}.at"


@dataclass(frozen=True)
class Found:
    """A state that another manager has.

    Attributes:
        manager: The manager.
        store: Its store.
        state: The state.
    """

    manager: StateManager
    store: Store
    state: State


def pointer_path(root: Path, name: str) -> Path:
    """Return the file of a deployment's pointer."""
    return root / f"{name}{SUFFIX}"


def write_pointer(manager: StateManager, root: Path, name: str) -> None:
    """Note that a manager has a deployment's state; the note is needed for managers that keep it elsewhere.

    A checkout that can't be written goes without it: the settings that it came with find the state.
    """
    path = pointer_path(root, name)
    if not manager.shared:
        remove_pointer(root, name)
        return
    content = dump({"about": "which state manager has the state; made by mlem", **_fields(manager)})
    if not path.exists() or path.read_bytes() != content:
        try:
            write_atomic(path, content)
        except UserError as error:
            if error.code != "permission-denied":
                raise


def remove_pointer(root: Path, name: str) -> None:
    """Take a deployment's pointer away.

    In a checkout that can't be written it stays: there is nothing any more where it points to.
    """
    path = pointer_path(root, name)
    if path.exists():
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            told = unusable(path, error, "delete")
            if told.code != "permission-denied":
                raise told from error


def leads_elsewhere(manager: StateManager, root: Path, name: str) -> bool:
    """Say whether a deployment of this name here has its state with another manager: then it is another deployment."""
    return bool(_others(manager, root, name))


def expect_nowhere_else(manager: StateManager, root: Path, name: str) -> None:
    """Check that no other manager has the state of a deployment.

    Args:
        manager: The manager that was asked.
        root: The project's folder.
        name: The deployment's name.

    Raises:
        ConflictError: Another manager has it, or had it and can't be asked.
        DeclarationError: There is one that MLEM 0.4 wrote.
    """
    if manager.read_04(root, name) is not None:
        raise of_04(f'the state of "{name}" in {getattr(manager, "uri", manager.type)}')
    found = find_elsewhere(manager, root, name)
    if found is not None:
        here = getattr(manager, "uri", None) or "files beside the declarations"
        raise ConflictError(
            f'"{name}" was deployed with its state in {found.store.where(name)}; asked was {here}',
            code="other-manager",
            hint=f"take it along: mlem deployment state move {name} {getattr(manager, 'uri', None) or 'local'}",
        )


def find_elsewhere(manager: StateManager, root: Path, name: str) -> Found | None:
    """Look for a deployment's state where it may be beside a manager.

    Raises:
        ConflictError: Where it was can't be asked.
    """
    for other in _others(manager, root, name):
        try:
            store = other.store(root)
            found = store.read(name)
        except MlemError as error:
            raise ConflictError(
                f'the state of "{name}" was kept in {getattr(other, "uri", other.type)}, '
                f"which can't be reached: {error.message}",
                code="other-manager",
                hint=f"if it is gone for good: rm {pointer_path(root, name)}",
            ) from error
        if found is not None:
            return Found(other, store, State.from_bytes(found.data, store.where(name)))
    return None


def _others(manager: StateManager, root: Path, name: str) -> list[StateManager]:
    others: list[StateManager] = []
    path = pointer_path(root, name)
    if path.exists():
        noted: Mapping[str, Any] = {key: value for key, value in read_mapping(path).items() if key != "about"}
        if {**noted, "made_by": ""} != {**_fields(manager), "made_by": ""}:  # a later version of it is the same manager
            cls = registry().get("state_manager", str(noted.get("type")), str(noted.get("made_by") or ""))
            others.append(cls.from_data(noted, str(path)))
    if manager.shared and (root / f"{name}{STATE_EXTENSION}").is_file():
        others.append(registry().get("state_manager", "local").from_data({}, "local"))
    return others


def _fields(manager: StateManager) -> dict[str, Any]:
    """Return what finds the store again; options that may have credentials in them stay out of the note."""
    fields = {key: value for key, value in manager.to_data().items() if not isinstance(value, dict)}
    return {
        key: fields[key]
        for key in ("type", "uri", "endpoint_url", "region", "profile", "path_style", "made_by")
        if key in fields
    }
