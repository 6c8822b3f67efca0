"""Sessions of the engine: who may change a deployment's state, and whether the state is this deployment's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial

from mlem.deployments.releases.history import with_event
from mlem.deployments.resolving.resolve import Target
from mlem.state.locks.owner import is_dead, new_lock
from mlem.state.locks.request import LockRequest
from mlem.state.locks.session import Session
from mlem.state.place import Place
from mlem.state.pointer import expect_nowhere_else, leads_elsewhere, remove_pointer, write_pointer
from mlem.state.state import LockInfo, State
from mlem_model.errors import ConflictError, LockedError, MlemError, UserError

Report = Callable[[str], None]


@dataclass(frozen=True)
class LockOptions:
    """How a run locks.

    Attributes:
        timeout_s: How long it waits for another run; the project's setting when None.
        id: A name for the lock, so that another process can release it; random when None.
    """

    timeout_s: float | None = None
    id: str | None = None


def hold(target: Target, message: str, lock: LockOptions) -> LockInfo:
    """Take the lock by hand: no run gets it until it is released."""
    expect_identity(target)
    expect_nowhere_else(target.manager, target.location.root, target.name)
    manual = new_lock("hold", id_=lock.id, message=message, manual=True)
    request = LockRequest(
        target.store,
        target.name,
        manual,
        timeout_s=lock.timeout_s or 0,
        initial=new_state(target),
        check=partial(expect_ours, target),
    )
    with target.manager.session(request) as session:
        write_pointer(target.manager, target.location.root, target.name)
        session.hold(with_event(session.current, "hold", message))
    return manual


def release_lock(target: Target, id_: str | None) -> LockInfo | None:
    """Release a lock that was taken by hand; return it, None when there was none.

    Raises:
        ConflictError: The lock has another id.
    """
    state = target.read_state()
    if state is None or state.lock is None:
        return None
    if id_ is not None and id_ != state.lock.id:
        raise ConflictError(
            f"the lock has the id {state.lock.id}, not {id_}",
            code="other-lock",
            hint=f"mlem deployment lock show {target.name}",
        )
    if id_ is None and not state.lock.manual and not is_dead(state.lock):
        raise LockedError(
            f"a command is at work, and may be alive: {state.lock.describe()}",
            hint=f"if it is not: mlem deployment lock release {target.name} --id {state.lock.id}",
        )
    target.manager.release(target.store, target.name, state.lock)
    return state.lock


def lock_request(
    target: Target,
    operation: str,
    lock: LockOptions,
    *,
    check: Callable[[State], None],
    initial: State | None = None,
) -> LockRequest:
    """Return the request for the lock of a deployment's state.

    Args:
        target: The deployment.
        operation: What is going to be done with it: ``run``, ``move``.
        lock: How to lock.
        check: Called with a state that is there; raises when it is not to be touched.
        initial: What to write where there is no state yet.
    """
    timeout_s = target.config.core.state.lock_timeout_s if lock.timeout_s is None else lock.timeout_s
    owner = new_lock(operation, id_=lock.id)
    return LockRequest(target.store, target.name, owner, timeout_s=timeout_s, initial=initial, check=check)


@contextmanager
def session_of(
    target: Target, operation: str, lock: LockOptions, report: Report, initial: State | None = None
) -> Iterator[Session]:
    """Lock a deployment's state for as long as the context lasts.

    Args:
        target: The deployment.
        operation: What is done with it: ``run``, ``remove``.
        lock: How to lock.
        report: Called with lines of progress.
        initial: What to write where there is no state yet.

    Raises:
        LockedError: Another holder did not finish in time.
        ConflictError: The state there is another project's, of another type, or another state manager has it.
        UserError: The store may be shared, and the project has no id.
    """
    root = target.location.root
    expect_identity(target)
    if initial is not None:
        expect_nowhere_else(target.manager, root, target.name)
    warning = target.manager.warning(target.store, target.name)
    if warning:
        report(f"warning: {warning}")

    def waiting(owner: LockInfo | None) -> None:
        report(f"waiting up to {request.timeout_s:g} s for the lock" + (f": {owner.describe()}" if owner else ""))

    request = lock_request(target, operation, lock, initial=initial, check=partial(expect_ours, target))
    with target.manager.session(replace(request, waiting=waiting)) as session:
        if session.state is not None and target.declared:
            write_pointer(target.manager, root, target.name)
        try:
            yield session
        finally:
            if session.state is None and (target.declared or not leads_elsewhere(target.manager, root, target.name)):
                remove_pointer(root, target.name)


@contextmanager
def nothing_left_of(session: Session, initial: State) -> Iterator[None]:
    """Erase a state again that this session began with, when it is refused before anything was made."""
    try:
        yield
    except BaseException:
        state = session.state
        if state is not None and state.lineage == initial.lineage and state.empty:
            with suppress(MlemError):  # it says nothing, and the refusal counts
                session.erase()
        raise


def expect_identity(target: Target) -> None:
    """Refuse to share a store without an id: two projects would take each other's states for their own."""
    if target.manager.shared and not target.config.project.id:
        raise UserError(
            f"{target.store.where(target.name)} may be shared with other projects, and this one has no id",
            code="no-project",
            hint=f"mlem init {target.location.root}",
        )


def expect_ours(target: Target, state: State) -> None:
    """Check that a state is of this deployment.

    Raises:
        ConflictError: It is of another project, or of another type.
    """
    where = target.store.where(target.name)
    ours = target.config.project.id
    # In a store that is shared, a state without a project is somebody's too.
    if ours and state.project != ours and (state.project or target.manager.shared):
        raise ConflictError(
            f"{where}: the state there is of another project",
            code="other-project",
            hint="give the deployment another name, or the project another core.state.uri",
        )
    if state.type != target.deployment.type and not state.empty:
        raise ConflictError(
            f"{where}: deployed as {state.type}, declared as {target.deployment.type}",
            code="other-type",
            hint=f"remove it as it is first: set type: {state.type} in {target.location}, "
            f"then mlem deployment remove {target.name}",
        )


def new_state(target: Target, place: Place | None = None, lineage: str | None = None) -> State:
    """Return the first state of a deployment, and where its first run makes something.

    It has a lineage of its own, unless it takes over what has one.
    """
    state = State(
        place=place,
        type=target.deployment.type,
        project=target.config.project.id,
        declaration=target.declaration(),
    )
    return state if lineage is None else state.model_copy(update={"lineage": lineage})
