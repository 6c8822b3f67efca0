"""A deployment without its declaration: everything that is needed to ask or remove it is in its state."""

from __future__ import annotations

from pathlib import Path

from mlem.deployments.edge import plugin_edge
from mlem.deployments.resolve import Target, deployment_class, resolve_env
from mlem.project.config import load_config
from mlem.project.project import Location
from mlem.state.manager import StateManager, Store
from mlem.state.state import State
from mlem_model.objects.object import EXTENSION, HEAD


@plugin_edge()
def target_of_state(name: str, state: State, manager: StateManager, store: Store, root: Path) -> Target:
    """Return a deployment as its state has it.

    Args:
        name: Its name in the store.
        state: What is there.
        manager: What keeps it.
        store: Where.
        root: The folder that the command works in.

    Raises:
        PluginError: Its type is not installed.
        DeclarationError: What is on record does not fit the installed type.
    """
    location = Location(root, False, name, root / f"{name}{EXTENSION}")
    where = store.where(name)
    fields = {key: value for key, value in state.declaration.items() if key not in HEAD}
    deployment = deployment_class(state.type).from_data(fields, where)
    config = load_config(root)
    # It is its own project's, also where this folder is another one's.
    config = config.model_copy(update={"project": config.project.model_copy(update={"id": state.project})})
    return Target(location, deployment, resolve_env(deployment, location), config, manager, store)
