"""A deployment without its declaration: everything that is needed to ask or remove it is in its state."""

from __future__ import annotations

from pathlib import Path

from mlem.deployments.edge import plugin_edge
from mlem.deployments.resolving.resolve import Target, deployment_class, manager_at, resolve_env
from mlem.project.config import load_config
from mlem.project.project import Location, Name, locate
from mlem.state.manager import StateManager, Store
from mlem.state.state import State
from mlem.state.stored import read_state
from mlem_model.errors import NotFoundError
from mlem_model.objects.object import EXTENSION, HEAD
from mlem_model.objects.validation import did_you_mean


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
    return Target(location, deployment, resolve_env(deployment, location), config, manager, store, declared=False)


def target_in_store(name: str, place: str, project: Name | None = None) -> Target:
    """Return a deployment by its name in a store.

    Args:
        name: The name.
        place: The store: a URI, or ``local`` for files beside the declarations.
        project: A folder of the project that the command works in; the current one when None.

    Raises:
        NotFoundError: The store does not have it.
        PluginError: Its type is not installed.
        StateUnknownError: The store did not answer.
    """
    root = locate("x", project).root
    manager = manager_at(place, load_config(root))
    store = manager.store(root)
    state = read_state(store, name).state
    if state is None:
        raise no_such_state(store, name)
    return target_of_state(name, state, manager, store, root)


def no_such_state(store: Store, name: str) -> NotFoundError:
    """Return the error for a name that a store does not have."""
    known = list(store.names())
    return NotFoundError(
        f"{store.where(name)} is not there", code="not-deployed", known=known[:20], hint=did_you_mean(name, known)
    )
