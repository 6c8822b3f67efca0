"""Where a project keeps its states: the setting is written once the store has shown that it can exclude two writers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mlem.deployments.resolving.resolve import configured_manager
from mlem.project.config import Config, Setting, load_config, proposed_config, set_setting
from mlem.project.project import init_project
from mlem.state.manager import StateManager
from mlem.state.stores.leased import LeasedStateManager
from mlem_model.errors import UserError
from mlem_model.plugins.registry import registry

SECTION = "core.state."


def concerns_store(key: str) -> bool:
    """Say whether a setting decides where states are kept, or how the store is talked to."""
    return key.startswith(SECTION) and key != f"{SECTION}lock_timeout_s"


def set_store(root: Path, key: str, text: str, *, unsafe: bool = False) -> Setting:
    """Write a setting of the section ``core.state`` once the store it leads to has been tried.

    Args:
        root: The project's folder.
        key: The setting.
        text: Its value, as typed.
        unsafe: Accept a store that can't exclude two writers; every run says so.

    Raises:
        PlatformError: The store can't exclude two writers (code ``unsafe-store``), or does not answer.
        CredentialsError: It refused the credentials.
        NotFoundError: The bucket is not there.
        UserError: The setting does not exist, or does not fit.
    """
    proposed = proposed_config(root, key, text)
    if proposed.core.state.uri is None and proposed.core.state.type is None:
        _expect_field(key)
        return set_setting(root, key, text)  # how to reach a store that is not chosen yet
    if unsafe:
        found = {"unsafe": True}
        configured_manager(_with(proposed, found))
    else:
        manager = configured_manager(proposed)
        found = _findings(manager, try_store(manager, root))
    setting = set_setting(root, key, text)
    for name, value in found.items():
        set_setting(root, f"{SECTION}{name}", str(value).lower())
    init_project(root)  # a shared store tells projects apart by their ids
    return setting


def try_store(manager: StateManager, root: Path) -> StateManager:
    """Probe a store that is locked by a lease; return the manager with what was found out.

    Raises:
        MlemError: See `mlem.state.stores.probe.probe`.
    """
    if not isinstance(manager, LeasedStateManager):
        return manager
    from mlem.state.stores.probe import probe

    return probe(manager, root)


def configured_store(root: Path) -> StateManager:
    """Return the state manager of a project's settings."""
    return configured_manager(load_config(root))


def _expect_field(key: str) -> None:
    """Refuse a setting that no state manager has."""
    name = key.removeprefix(SECTION).partition(".")[0]
    known = sorted({field for manager in registry().all("state_manager").values() for field in manager.model_fields})
    if name not in known:
        raise UserError(f'no setting "{key}"', code="unknown-setting", known=[f"{SECTION}{field}" for field in known])


def _findings(before: StateManager, after: StateManager) -> dict[str, Any]:
    old, new = before.model_dump(), after.model_dump()
    return {name: value for name, value in new.items() if old[name] != value}


def _with(config: Config, fields: dict[str, Any]) -> Config:
    state = config.core.state.model_copy(update=fields)
    return config.model_copy(update={"core": config.core.model_copy(update={"state": state})})
