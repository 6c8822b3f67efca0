"""States that move: to another state manager, or out of the file that kept one when its store did not answer."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from mlem.deployments.execution.locking import LockOptions, expect_ours, lock_request, session_of
from mlem.deployments.resolving.resolve import Target, manager_at
from mlem.state.manager import StateManager
from mlem.state.pointer import Found, find_elsewhere, write_pointer
from mlem.state.state import State
from mlem.state.stored import read_state
from mlem_model.errors import ConflictError, NotFoundError, UserError


def move(target: Target, uri: str, lock: LockOptions) -> tuple[str, str]:
    """Take a deployment's state from where it is to another state manager.

    The new place has it before the old one loses it: a move that was interrupted is finished by the next.

    Args:
        target: The deployment.
        uri: The new place: a URI, or ``local`` for files beside the declarations.
        lock: How to lock.

    Returns:
        The old place and the new one.

    Raises:
        NotFoundError: There is no state.
        ConflictError: The new place has a state of another deployment.
        LockedError: A command is at work on it.
    """
    root = target.location.root
    wanted = manager_at(uri, target.config)
    store = wanted.store(root)
    source = _source(target, wanted)
    if source is None:
        raise NotFoundError(
            f'"{target.name}" has no state to move', code="not-deployed", hint=f"mlem deployment status {target.name}"
        )
    old = replace(target, manager=source.manager, store=source.store)
    new = replace(target, manager=wanted, store=store)
    if store.where(target.name) == source.store.where(target.name):
        raise UserError(f'the state of "{target.name}" is in {store.where(target.name)} already', code="same-place")
    if wanted.shared and not target.config.project.id:
        raise UserError(
            f"{uri} may be shared with other projects, and this one has no id",
            code="no-project",
            hint=f"mlem init {root}",
        )
    with old.manager.session(lock_request(old, "move", lock, check=partial(_expect_movable, old))) as leaving:
        state = leaving.current
        arriving_state = state.model_copy(update={"project": target.config.project.id, "lock": None})
        same = partial(_expect_same, new, state)
        with new.manager.session(lock_request(new, "move", lock, check=same, initial=arriving_state)) as arriving:
            if arriving.current.serial <= state.serial:
                arriving.finish(arriving_state)
        write_pointer(wanted, root, target.name)
        leaving.erase()
    return old.store.where(target.name), new.store.where(target.name)


def push(target: Target, lock: LockOptions) -> tuple[State, bool]:
    """Write the state that was kept when the store did not answer.

    Args:
        target: The deployment.
        lock: How to lock.

    Returns:
        The state, and whether it was written; False when it had landed after all.

    Raises:
        NotFoundError: Nothing is kept.
        ConflictError: The state in the store is another deployment's, or newer.
    """
    path = target.store.errored(target.name)
    if path is None or not path.exists():
        raise NotFoundError(f'no state of "{target.name}" is kept to be pushed', code="nothing-kept")
    kept = State.from_bytes(path.read_bytes(), str(path))
    written = True
    with session_of(
        target, "push", lock, lambda _line: None, kept.model_copy(update={"serial": kept.serial - 1})
    ) as session:
        there = session.current
        if there.lineage != kept.lineage:
            raise ConflictError(
                f"{target.store.where(target.name)}: the state there is of another deployment", code="other-lineage"
            )
        if there.serial > kept.serial or (there.serial == kept.serial and not _same_content(there, kept)):
            raise ConflictError(
                f"{target.store.where(target.name)} went on meanwhile (serial {there.serial}, kept is {kept.serial})",
                code="newer-state",
                hint=f"compare, then delete the one kept: {path}",
            )
        if there.serial == kept.serial:
            written = False
        else:
            session.finish(kept)
    path.unlink(missing_ok=True)
    return kept, written


def _source(target: Target, wanted: StateManager) -> Found | None:
    state = read_state(target.store, target.name).state
    found = None if state is None else Found(target.manager, target.store, state)
    here = target.store.where(target.name) == wanted.store(target.location.root).where(target.name)
    if found is not None and not here:
        return found
    return find_elsewhere(target.manager, target.location.root, target.name) or found


def _expect_movable(old: Target, state: State) -> None:
    if state.project:
        expect_ours(old, state)


def _expect_same(new: Target, moving: State, found: State) -> None:
    if found.lineage != moving.lineage:
        raise ConflictError(
            f"{new.store.where(new.name)}: there is a state of another deployment (lineage {found.lineage})",
            code="other-lineage",
        )


def _same_content(one: State, other: State) -> bool:
    volatile = {"nonce", "lock", "written_by", "serial"}
    return one.model_dump(exclude=volatile) == other.model_dump(exclude=volatile)
