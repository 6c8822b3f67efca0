"""Plan, run, remove, roll back: what happens to a deployment, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlem.deployment import Condition, DeploymentStatus
from mlem.errors import ConflictError, LockedError, MlemError, NotFoundError, UserError
from mlem.lease import Session, new_lock, now
from mlem.state import LockInfo, Release, State
from mlem.step import Action, Change, Context, Record, Step
from mlem.target import Target

if TYPE_CHECKING:
    from mlem.model import Model

Report = Callable[[str], None]
_GERUNDS: Mapping[Action, str] = {"create": "creating", "update": "updating", "replace": "replacing"}


@dataclass(frozen=True)
class Lock:
    """How a run locks.

    Attributes:
        timeout_s: How long it waits for another run; the project's setting when None.
        id: A name for the lock, so that another process can release it; random when None.
    """

    timeout_s: float | None = None
    id: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Attributes:
        changes: One for each step.
        state: The state after it.
        changed: Whether anything was done.
    """

    changes: tuple[Change, ...]
    state: State
    changed: bool


def _gate(target: Target, ctx: Context, state: State, model_hash: str) -> None:
    from mlem.gate import pass_gate  # late: only what deploys asks the model

    pass_gate(target.deployment, ctx, state, model_hash)


def plan(target: Target, model: Model, model_location: str) -> tuple[Change, ...]:
    """Say what a run would do, without doing it and without a lock."""
    state = target.read_state() or State(type=target.deployment.type)
    _expect_ours(target, state)
    ctx = _with_model(target.context(state), model, model_location)
    return tuple(_changes(target.deployment.steps(ctx), ctx, state))


def run(target: Target, model: Model, model_location: str, *, report: Report, lock: Lock = Lock()) -> Outcome:
    """Deploy: make what the declaration wants, pass the gate, record the release.

    Raises:
        GateError: The new release does not answer rightly. The last good one serves again, where there was one.
        MlemError: A step failed. The last good release serves again; the state says what is there.
    """
    with _session(target, "run", lock, report) as session:
        state = session.state or session.save(_new_state(target))
        ctx = _with_model(target.context(state, report), model, model_location)
        ctx = replace(ctx, guard=session.guard)
        steps = target.deployment.steps(ctx)
        changes = tuple(_changes(steps, ctx, state))
        served = state.releases[0] if state.releases else None
        settled = served is not None and served.records == state.records and served.model_hash == model.digest
        if settled and all(change.action == "keep" for change in changes):
            _gate(target, ctx, state, model.digest)
            return _outcome(changes, state, changed=False)
        try:
            ctx = _apply(session, steps, ctx, changes)
            _gate(target, ctx, _state(session), model.digest)
        except LockedError:
            raise  # whoever has the lock now acts: putting back is not ours any more
        except MlemError as error:
            raise _put_back(target, session, steps, ctx, served, error) from error
        ctx = _remove_obsolete(session, steps, ctx, changes)
        state = session.save(_released(target, _state(session), model.digest))
        _prune(steps, ctx, state)
        return _outcome(changes, state, changed=True)


def _outcome(changes: tuple[Change, ...], state: State, *, changed: bool) -> Outcome:
    return Outcome(changes, state.model_copy(update={"lock": None}), changed)


def rollback(target: Target, number: int | None, *, report: Report, lock: Lock = Lock()) -> Release:
    """Put an earlier release back.

    Args:
        target: The deployment.
        number: The release's number; the one before the current when None.
        report: Called with lines of progress.
        lock: How to lock.

    Returns:
        The release that serves now: a new number with the old content.

    Raises:
        NotFoundError: There is no such release, or none before the current one.
    """
    with _session(target, "rollback", lock, report) as session:
        state = session.state
        if state is None or not state.releases:
            raise _not_deployed(target)
        release = _find_release(state, number)
        ctx = replace(target.context(state, report), guard=session.guard)
        steps = target.deployment.steps(ctx)
        served = state.releases[0]
        try:
            ctx = _restore(session, steps, ctx, release)
            _gate(target, ctx, _state(session), release.model_hash)
        except LockedError:
            raise  # whoever has the lock now acts: putting back is not ours any more
        except MlemError as error:
            raise _put_back(target, session, steps, ctx, served, error) from error
        state = session.save(_released(target, _state(session), release.model_hash, release))
        _prune(steps, ctx, state)
        return state.releases[0]


def remove(target: Target, *, report: Report, lock: Lock = Lock()) -> bool:
    """Remove everything that belongs to a deployment, in the reverse order of its making, and then its state.

    Returns:
        Whether there was anything.
    """
    if target.read_state() is None:
        return False
    with _session(target, "remove", lock, report) as session:
        state = session.state
        if state is None:
            return False
        ctx = replace(target.context(state, report), guard=session.guard)
        for step in reversed(target.deployment.steps(ctx)):
            ctx = _remove_step(session, step, ctx)
        session.erase()
        return True


def condition(target: Target) -> tuple[Condition, State | None]:
    """Say what a deployment is doing: one read of the state, one look at the platform."""
    state = target.read_state()
    if state is None or state.empty:
        return Condition(DeploymentStatus.NOT_DEPLOYED), state
    _expect_ours(target, state)
    seen = target.deployment.condition(target.context(state), state)
    released = bool(state.releases) and state.releases[0].records == state.records
    if seen.status is DeploymentStatus.RUNNING and not released:
        return Condition(DeploymentStatus.STARTING, "the gate has not been passed; run again to finish"), state
    return seen, state


def hold(target: Target, message: str, lock: Lock) -> LockInfo:
    """Take the lock by hand: no run gets it until it is released."""
    manual = new_lock("hold", id_=lock.id, message=message, manual=True)
    with target.manager.session(target.store, target.name, manual, timeout_s=lock.timeout_s or 0) as session:
        session.hold(session.state or _new_state(target))
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
            f"the lock has the id {state.lock.id}, not {id_}", code="other-lock", hint=f"mlem deployment lock show {target.name}"
        )
    with target.manager.session(target.store, target.name, new_lock("release", id_=state.lock.id), timeout_s=0) as session:
        session.free()
    return state.lock


@contextmanager
def _session(target: Target, operation: str, lock: Lock, report: Report) -> Iterator[Session]:
    timeout_s = target.config.core.state.lock_timeout_s if lock.timeout_s is None else lock.timeout_s

    def waiting(holder: LockInfo | None) -> None:
        report(f"waiting up to {timeout_s:g} s for the lock" + (f": {holder.describe()}" if holder else ""))

    with target.manager.session(
        target.store, target.name, new_lock(operation, id_=lock.id), timeout_s=timeout_s, waiting=waiting
    ) as session:
        if session.state is not None:
            _expect_ours(target, session.state)
        yield session


def _expect_ours(target: Target, state: State) -> None:
    where = target.store.where(target.name)
    if state.project and target.config.project.id and state.project != target.config.project.id:
        raise ConflictError(
            f"{where}: the state there is of another project",
            code="other-project",
            hint="give the deployment another name, or the project another core.state.uri",
        )
    if state.type != target.deployment.type and not state.empty:
        raise ConflictError(
            f"{where}: deployed as {state.type}, declared as {target.deployment.type}",
            code="other-type",
            hint=f"remove it as it is first: set type: {state.type} in {target.location}, then mlem deployment remove {target.name}",
        )


def _new_state(target: Target) -> State:
    return State(
        type=target.deployment.type,
        project=target.config.project.id,
        declaration=target.deployment.to_declaration(target.env.to_data()),
    )


def _with_model(ctx: Context, model: Model, model_location: str) -> Context:
    return replace(ctx, model=model, model_location=model_location)


def _state(session: Session) -> State:
    if session.state is None:
        raise ConflictError(f"the state of {session.name} is gone")
    return session.state


def _changes(steps: Sequence[Step], ctx: Context, state: State) -> Iterator[Change]:
    for step in steps:
        yield _change(step, step.wanted(ctx), ctx, state.records.get(step.name))


def _change(step: Step, wanted: Record | None, ctx: Context, recorded: Record | None) -> Change:
    if wanted is None:
        return Change(step.name, "keep") if recorded is None else Change(step.name, "remove", "not declared any more")
    if recorded is None:
        return Change(step.name, "create", "not there yet")
    observed = step.observe(ctx, recorded)
    if observed is None:
        return Change(step.name, "create", "gone from the platform")
    if all(observed.get(key) == value for key, value in wanted.items()):
        return Change(step.name, "keep")
    return step.change(observed, wanted)


def _apply(session: Session, steps: Sequence[Step], ctx: Context, changes: Sequence[Change]) -> Context:
    """Bring every step that differs to what is wanted; each is on record before the next begins."""
    for step, change in zip(steps, changes, strict=True):
        wanted = step.wanted(ctx)
        if change.action != "keep" and wanted is not None:
            ctx = _apply_step(session, step, ctx, wanted, change)
    return ctx


def _apply_step(session: Session, step: Step, ctx: Context, wanted: Record, change: Change) -> Context:
    session.guard()
    ctx.report(f"{_GERUNDS[change.action]} {step.name}" + (f" ({change.reason})" if change.reason else ""))
    return _recorded(session, step, ctx, step.apply(ctx, wanted, _state(session).records.get(step.name)))


def _remove_step(session: Session, step: Step, ctx: Context) -> Context:
    session.guard()
    ctx.report(f"removing {step.name}")
    recorded = _state(session).records.get(step.name)
    step.remove(ctx, recorded)
    return ctx if recorded is None else _recorded(session, step, ctx, None)


def _recorded(session: Session, step: Step, ctx: Context, record: Record | None) -> Context:
    return replace(ctx, records=session.save(_state(session).with_record(step.name, record)).records)


def _remove_obsolete(session: Session, steps: Sequence[Step], ctx: Context, changes: Sequence[Change]) -> Context:
    """Remove what the declaration does without, once the new release has passed the gate."""
    for step, change in reversed(list(zip(steps, changes, strict=True))):
        if change.action == "remove":
            ctx = _remove_step(session, step, ctx)
    return ctx


def _restore(session: Session, steps: Sequence[Step], ctx: Context, release: Release) -> Context:
    """Bring every step back to the record that a release has of it, and remove what it did not have."""
    ctx = replace(ctx, model=None, model_location=None, records=_state(session).records)
    for step in steps:
        recorded, current = release.records.get(step.name), _state(session).records.get(step.name)
        if recorded is None:
            ctx = ctx if current is None else _remove_step(session, step, ctx)
            continue
        # Facts like a pid may differ: only what was wanted then has to come back.
        wanted = {key: recorded.get(key) for key in step.wanted(ctx) or recorded}
        change = _change(step, wanted, ctx, current)
        if change.action != "keep":
            ctx = _apply_step(session, step, ctx, wanted, change)
    return ctx


def _put_back(target: Target, session: Session, steps: Sequence[Step], ctx: Context, served: Release | None, error: MlemError) -> MlemError:
    """Put the last good release back after a failure, and say so in the error that is raised."""
    name = target.name
    if served is None:
        hint = f"look: mlem deployment logs {name}; clean up: mlem deployment remove {name}"
        return _extended(error, "there is no earlier release to put back", error.hint or hint)
    ctx.report(f"failed; putting release {served.number} back")
    try:
        ctx = _restore(session, steps, ctx, served)
        _gate(target, ctx, _state(session), served.model_hash)
        # The same release, of new resources: a process put back has another pid.
        current = served.model_copy(update={"records": _state(session).records})
        session.save(_state(session).model_copy(update={"releases": (current, *_state(session).releases[1:])}))
    except MlemError as second:
        return _extended(error, f"release {served.number} could not be put back either: {second.message}", f"mlem deployment status {name}")
    return _extended(error, f"release {served.number} (model {served.model_hash}) serves again", error.hint)


def _extended(error: MlemError, sentence: str, hint: str | None) -> MlemError:
    extended: MlemError = type(error).__new__(type(error))
    MlemError.__init__(extended, f"{error.message}\n{sentence}", hint=hint, known=error.known, code=error.code)
    return extended


def _released(target: Target, state: State, model_hash: str, source: Release | None = None) -> State:
    declaration = source.declaration if source else target.deployment.to_declaration(target.env.to_data())
    served = state.releases[0] if state.releases else None
    # What was only repaired, a dead process for instance, is the same release again: rollback must not count it.
    repaired = source is None and served is not None and (served.model_hash, served.declaration) == (model_hash, declaration)
    earlier = state.releases[1:] if repaired else state.releases
    release = Release(
        number=(served.number + (0 if repaired else 1)) if served else 1,
        model_hash=model_hash,
        declaration=declaration,
        records=state.records,
        created=now(),
        rollback_of=source.number if source else None,
    )
    kept = (release, *earlier)[: target.deployment.keep_releases]
    return state.model_copy(update={"model_hash": model_hash, "declaration": declaration, "releases": kept})


def _prune(steps: Sequence[Step], ctx: Context, state: State) -> None:
    for step in steps:
        step.prune(ctx, [release.records[step.name] for release in state.releases if step.name in release.records])


def _find_release(state: State, number: int | None) -> Release:
    if number is None:
        if len(state.releases) < 2:
            raise NotFoundError("there is no earlier release to go back to", hint="mlem deployment releases shows what is kept")
        return state.releases[1]
    found = next((release for release in state.releases if release.number == number), None)
    if found is None:
        raise NotFoundError(f"no release {number}", known=[str(release.number) for release in state.releases])
    return found


def _not_deployed(target: Target) -> UserError | NotFoundError:
    return NotFoundError(f'"{target.name}" is not deployed', code="not-deployed", hint=f"mlem deployment run --load {target.name}")


def expect_deployed(target: Target) -> State:
    """Return the state of a deployment that has something on record.

    Raises:
        NotFoundError: Nothing is deployed.
    """
    state = target.read_state()
    if state is None or state.empty:
        raise _not_deployed(target)
    _expect_ours(target, state)
    return state


__all__ = [
    "Lock",
    "Outcome",
    "Report",
    "condition",
    "expect_deployed",
    "hold",
    "plan",
    "release_lock",
    "remove",
    "rollback",
    "run",
]
