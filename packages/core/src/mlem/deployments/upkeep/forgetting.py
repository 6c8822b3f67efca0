"""Forgetting a deployment whose platform, or whose provider, is gone for good: its record goes, nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from mlem.deployments.execution import engine
from mlem.deployments.execution.locking import LockOptions
from mlem.deployments.resolving.stored import NamedStore
from mlem.project.project import Name
from mlem.state.locks.owner import new_lock
from mlem.state.state import State
from mlem_model.errors import ConflictError, DeclarationError, PluginError


@dataclass(frozen=True)
class Left:
    """What stays on a platform that was forgotten.

    Attributes:
        state: What was on record.
        where: The platform, in words.
        resources: Each step, with what its record says of what it made: ``container (container_id: 3f2a...)``.
    """

    state: State
    where: str
    resources: tuple[str, ...]


def forget_state(
    name: str, place: str | None = None, project: Name | None = None, lock: LockOptions = LockOptions()
) -> Left:
    """Erase the state of a deployment that can't be removed any more.

    Args:
        name: Its name in the store.
        place: The store: a URI, or ``local`` for files beside the declarations; the project's own when None.
        project: A folder of the project that the command works in; the current one when None.
        lock: How to lock.

    Returns:
        What it leaves.

    Raises:
        NotFoundError: The store does not have it.
        ConflictError: Its platform can be reached from here: it can be removed.
        LockedError: A command is at work on it.
    """
    store = NamedStore.at(place, project)
    state = store.read(name)
    try:
        target = store.target(name, state)
    except (PluginError, DeclarationError):  # nothing that is installed knows the platform
        _erase(store, name, state, lock)
    else:
        engine.forget(target, lock=lock)
    where = state.place.words if state.place else f"the platform of {state.type}"
    return Left(state, where, tuple(_resource(step, record) for step, record in state.records.items()))


def _erase(named: NamedStore, name: str, seen: State, lock: LockOptions) -> None:
    def check(state: State) -> None:
        if state.lineage != seen.lineage:
            raise ConflictError(f"{named.store.where(name)} is of another deployment now", code="other-deployment")

    request = named.lock_request(name, new_lock("forget", id_=lock.id), lock.timeout_s, check=check)
    with named.manager.session(request) as session:
        if session.state is not None:
            session.erase()


def _resource(step: str, record: dict[str, object]) -> str:
    marks = [f"{key}: {value}" for key, value in record.items() if key.endswith(("id", "arn", "name")) and value]
    return f"{step} ({', '.join(marks)})" if marks else step
