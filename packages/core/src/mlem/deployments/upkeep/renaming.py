"""A deployment gets another name: its state goes there, with all that is on record."""

from __future__ import annotations

from functools import partial

from mlem.deployments.edge import plugin_edge
from mlem.deployments.execution.locking import LockOptions
from mlem.deployments.releases.history import with_event
from mlem.deployments.resolving.stored import NamedStore
from mlem.project.project import Name, locate
from mlem.state.locks.owner import new_lock
from mlem.state.pointer import remove_pointer, write_pointer
from mlem.state.state import State
from mlem_model.errors import ConflictError, NotFoundError, UserError


@plugin_edge()
def rename_state(
    old: str, new: str, place: str | None = None, project: Name | None = None, lock: LockOptions = LockOptions()
) -> tuple[str, str]:
    """Give a deployment another name in its store.

    What is on its platform stays as it is, under the names that it has there, until the next run of a declaration with
    the new name, whose plan says what that changes. The new name has the state before the old one loses it: a command
    that was interrupted is finished by repeating it.

    Args:
        old: Its name in the store.
        new: The name that it gets.
        place: The store: a URI, or ``local`` for files beside the declarations; the project's own when None.
        project: A folder of the project that the command works in; the current one when None.
        lock: How to lock.

    Returns:
        The state's old place and the new one.

    Raises:
        NotFoundError: The store does not have it.
        ConflictError: The new name has a state of another deployment, or the state is of another project.
        LockedError: A command is at work on one of them.
    """
    store = NamedStore.at(place, project)
    old, new = (locate(name, str(store.root)).key for name in (old, new))
    if old == new:
        raise UserError(f'"{old}" has that name already', code="same-name")
    owner = new_lock("rename", id_=lock.id)
    store.read(old)
    ours = partial(_expect_ours, store, old)
    with store.manager.session(store.lock_request(old, owner, lock.timeout_s, check=ours)) as leaving:
        if leaving.state is None:
            raise NotFoundError(f"{store.store.where(old)} is not there any more", code="not-deployed")
        state = leaving.state.model_copy(update={"lock": None})
        same = partial(_expect_same, store, new, state)
        request = store.lock_request(new, owner, lock.timeout_s, check=same, initial=state)
        with store.manager.session(request) as arriving:
            if arriving.current.serial <= state.serial:
                arriving.finish(with_event(state, "rename", f"{old} to {new}"))
        write_pointer(store.manager, store.root, new)
        leaving.erase()
        remove_pointer(store.root, old)
    return store.store.where(old), store.store.where(new)


def _expect_ours(store: NamedStore, name: str, state: State) -> None:
    ours = store.config.project.id
    if ours and state.project != ours:
        raise ConflictError(f"{store.store.where(name)}: the state there is of another project", code="other-project")


def _expect_same(store: NamedStore, name: str, moving: State, found: State) -> None:
    if found.lineage != moving.lineage:
        raise ConflictError(
            f"{store.store.where(name)}: there is a state of another deployment (lineage {found.lineage})",
            code="other-lineage",
            hint="choose another name, or remove that deployment first",
        )
