"""A deployment without its declaration: everything that is needed to ask or remove it is in its state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mlem.deployments.edge import plugin_edge
from mlem.deployments.resolving.resolve import Target, configured_manager, deployment_class, manager_at, resolve_env
from mlem.project.config import Config, load_config
from mlem.project.project import Location, Name, locate
from mlem.state.locks.request import LockRequest
from mlem.state.manager import StateManager, Store
from mlem.state.state import LockInfo, State
from mlem.state.stored import read_state
from mlem_model.errors import NotFoundError
from mlem_model.objects.object import EXTENSION, HEAD
from mlem_model.objects.validation import did_you_mean


@dataclass(frozen=True)
class NamedStore:
    """A store that a command names, or the project's own.

    Attributes:
        root: The folder of the project that the command works in.
        config: That project's settings.
        manager: What keeps states there.
        store: Where.
    """

    root: Path
    config: Config
    manager: StateManager
    store: Store

    @classmethod
    def at(cls, place: str | None, project: Name | None = None) -> NamedStore:
        """Open a store.

        Args:
            place: A URI, or ``local`` for files beside the declarations; the project's own when None.
            project: A folder of the project whose settings say how stores are reached; the current one when None.

        Raises:
            PluginError: No state manager of the scheme is installed.
        """
        root = locate("x", project).root
        config = load_config(root)
        manager = configured_manager(config) if place is None else manager_at(place, config)
        return cls(root, config, manager, manager.store(root))

    def read(self, name: str) -> State:
        """Read a state.

        Raises:
            NotFoundError: The store does not have it.
            StateUnknownError: The store did not answer.
        """
        state = read_state(self.store, name).state
        if state is None:
            known = list(self.store.names())
            where, hint = self.store.where(name), did_you_mean(name, known)
            raise NotFoundError(f"{where} is not there", code="not-deployed", known=known[:20], hint=hint)
        return state

    def lock_request(
        self,
        name: str,
        owner: LockInfo,
        timeout_s: float | None,
        *,
        check: Callable[[State], None],
        initial: State | None = None,
    ) -> LockRequest:
        """Return the request for the lock of a state that may have no declaration here.

        Args:
            name: Its name in the store.
            owner: Who asks.
            timeout_s: How long to wait for another owner; the project's setting when None.
            check: Called with a state that is there; raises when it is not to be touched.
            initial: What to write where there is no state yet.
        """
        waits_s = self.config.core.state.lock_timeout_s if timeout_s is None else timeout_s
        return LockRequest(self.store, name, owner, timeout_s=waits_s, initial=initial, check=check)

    @plugin_edge()
    def target(self, name: str, state: State) -> Target:
        """Return a deployment as its state has it.

        Args:
            name: Its name in the store.
            state: What is there.

        Raises:
            PluginError: Its type is not installed.
            DeclarationError: What is on record does not fit the installed type.
        """
        location = Location(self.root, False, name, self.root / f"{name}{EXTENSION}")
        fields = {key: value for key, value in state.declaration.items() if key not in HEAD}
        deployment = deployment_class(state.type).from_data(fields, self.store.where(name))
        # It is its own project's, also where this folder is another one's.
        project = self.config.project.model_copy(update={"id": state.project})
        config = self.config.model_copy(update={"project": project})
        env = resolve_env(deployment, location)
        return Target(location, deployment, env, config, self.manager, self.store, declared=False)
