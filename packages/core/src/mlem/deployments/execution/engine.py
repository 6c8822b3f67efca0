"""Plan, run, remove, roll back: what happens to a deployment, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlem.deployments.edge import plugin_edge
from mlem.deployments.execution.changes import changes_of, check_changes
from mlem.deployments.execution.elsewhere import (
    can_be_asked,
    declared_place,
    expect_here,
    expect_place,
)
from mlem.deployments.execution.kept_protection import expect_kept, expect_kept_by
from mlem.deployments.execution.locking import (
    LockOptions,
    Report,
    expect_ours,
    hold,
    new_state,
    nothing_left_of,
    release_lock,
    session_of,
)
from mlem.deployments.execution.options import RunOptions
from mlem.deployments.execution.reconcile import Reconciler
from mlem.deployments.execution.recovery import gate, putting_back, same_release, tell_crash
from mlem.deployments.execution.status import not_deployed
from mlem.deployments.notebook.plan import Plan
from mlem.deployments.promotion import Promotion
from mlem.deployments.releases.gate_samples import asked_of
from mlem.deployments.releases.history import failures_on_record, with_event
from mlem.deployments.releases.kept import find_release, released
from mlem.deployments.releases.last_writer import expect_not_older, expect_not_rolled_back, expect_release
from mlem.deployments.releases.made_by import made_by
from mlem.deployments.releases.planned import Planned
from mlem.deployments.resolving.resolve import Target
from mlem.deployments.step import Change
from mlem.project.duration import expiry
from mlem.project.git import Commit, head
from mlem.state.state import Release, State
from mlem_model.artifacts.transfer import expect_there
from mlem_model.errors import ConflictError, GateError, MlemError, NotFoundError, UserError
from mlem_model.objects.object import one_line

if TYPE_CHECKING:
    from mlem.deployments.hooks.hooks import Hooks
    from mlem_model.models.model import Model


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

    def __repr__(self) -> str:
        """Show what was done, in one line."""
        return one_line("Outcome", *(f"{change.step}: {change.action}" for change in self.changes), repr(self.state))


@plugin_edge()
def plan(target: Target, model: Model, promotion: Promotion | None = None) -> Plan:
    """Say what a run would do, without doing it and without a lock."""
    return _plan(target, model, promotion)[1]


@plugin_edge()
def keep_plan(target: Target, model: Model, named: str | None = None, env: str | None = None) -> tuple[Plan, Planned]:
    """Plan, and return with it what a later run compares: `RunOptions.planned`.

    Args:
        target: The deployment.
        model: The model's metadata.
        named: The name of that model, where it is not the declared one.
        env: The name of the env, where it is not the declared one.
    """
    state, changes = _plan(target, model)
    return changes, Planned.of(target.name, state, model.digest, target.declaration(), changes, named, env)


def _plan(target: Target, model: Model, promotion: Promotion | None = None) -> tuple[State, Plan]:
    state, place = target.read_state() or new_state(target), declared_place(target)
    expect_ours(target, state)
    expect_place(target, state, place)
    ctx = replace(target.context(state), model=model, promotion=promotion)
    steps = target.deployment.steps(ctx)
    changes = Plan(changes_of(steps, ctx, state))
    check_changes(steps, ctx, state, changes)
    _expect_artifacts(state, model)
    return state, changes


@plugin_edge()
def run(
    target: Target,
    model: Model,
    *,
    report: Report,
    lock: LockOptions = LockOptions(),
    accepted: Callable[[], None] = lambda: None,
    options: RunOptions = RunOptions(),
) -> Outcome:
    """Deploy: make what the declaration wants, pass the gate, record the release.

    Args:
        target: The deployment.
        model: The model's metadata, as it was read from its file.
        report: Called with lines of progress.
        lock: How to lock.
        accepted: Called under the lock when all that can be known beforehand is right, before anything is done.
        options: What is said about this run.

    Raises:
        ConflictError: Something that protects the servers would fall away, or what somebody else did would be undone.
        GateError: The new release does not answer rightly. The last good one serves again, where there was one.
        MlemError: A step failed. The last good release serves again; the state says what is there.
    """
    place = declared_place(target)
    initial, commit = new_state(target, place, options.lineage), head(target.location.root)
    with session_of(target, "run", lock, report, initial) as session:
        with nothing_left_of(session, initial):
            state = session.current
            expect_place(target, state, place)
            _expect_nothing_undone(target, state, model, commit, options, report)
            if state.place is None and place is not None:
                state = session.save(state.model_copy(update={"place": place}))
            ctx = replace(target.context(state, report), model=model, promotion=options.promotion)
            work = Reconciler(target, session, ctx)
            changes = work.changes()
            if options.planned is not None:
                options.planned.expect(state, model.digest, target.declaration(), changes)
            expect_kept(target.name, changes, options.drop)
            work.check(changes)
            _expect_artifacts(state, model)
            served, hooks = work.state.served, _hooks(work, model, changes, options)
            kept = work.state.finished and served and served.model_hash == model.digest and _unchanged(changes)
            if not kept:
                with hooks.telling_failures(lambda: work.state):
                    hooks.run("before-build", work.state)
            accepted()
        if served is not None and kept:
            return _kept(work, served, changes)
        if served is not None:
            tell_crash(work)
        with hooks.telling_failures(lambda: work.state), putting_back(work, served, model.digest, "run"):
            work.apply(changes, hooks.before_serving)
            gate(work, model.digest)
            hooks.run("after-gate", work.state)
        work.remove_obsolete(changes)
        made = made_by(target, commit, changes, options.message)
        new = released(target, work.state, model.digest, made, gate=asked_of(model))
        new = new.model_copy(update={"expires": expiry(target.deployment.ttl)})
        state = work.finish(with_event(new, "run", "; ".join(filter(None, [options.message, *made.changes]))))
        return _outcome(changes, state, changed=True)


def _hooks(work: Reconciler, model: Model, changes: Sequence[Change], options: RunOptions) -> Hooks:
    from mlem.deployments.hooks.hooks import Hooks  # late: only a run has any

    return Hooks(work.target, model, changes, options.message, work.ctx.report, work.session.guard, options.hooks)


def _expect_nothing_undone(
    target: Target, state: State, model: Model, commit: Commit | None, options: RunOptions, report: Report
) -> None:
    """Refuse to undo what somebody else did on purpose; see `mlem.deployments.releases.last_writer`."""
    expect_release(target.name, state, options.expect_release)
    if not options.allow_older:
        note = expect_not_older(target.name, target.location.root, state, commit)
        if note is not None:
            report(note)
    expect_not_rolled_back(target.name, state, model.digest, target.declaration(), again=options.again)


def _unchanged(changes: Sequence[Change]) -> bool:
    return all(change.action == "keep" for change in changes)


def _expect_artifacts(state: State, model: Model) -> None:
    """Look whether the files of a model are there that is not served yet.

    A step would find it out when others are done.
    """
    if state.served is None or state.served.model_hash != model.digest:
        for artifact in model.artifacts.values():
            expect_there(artifact, model.folder)


def _kept(work: Reconciler, served: Release, changes: tuple[Change, ...]) -> Outcome:
    """Let what is as it should be pass the gate once more; start it again where it does not answer."""
    if work.state.expires is not None or work.target.deployment.ttl is not None:
        state = work.session.save(work.state.model_copy(update={"expires": expiry(work.target.deployment.ttl)}))
        work.expire(state.expires)
    try:
        gate(work, served.answers_for)
    except GateError as error:
        work.ctx.report(f"{error.message}\nstarting it again")
        return _outcome(changes, _restarted(work, served, error), changed=True)
    work.prune()  # what a run left that was killed after its gate
    return _outcome(changes, work.state, changed=False)


@plugin_edge()
def restart(target: Target, *, report: Report, lock: LockOptions = LockOptions()) -> Release:
    """Start again what runs, with the present values of what is passed on to it, and let it pass the gate.

    Returns:
        The release that serves: the same one.

    Raises:
        NotFoundError: Nothing has passed the gate yet.
        UserError: The platform has nothing that can be started again.
        GateError: It does not answer rightly.
    """
    with session_of(target, "restart", lock, report) as session:
        state = session.state
        if state is None or state.served is None:
            raise not_deployed(target)
        expect_here(target, state)
        work = Reconciler(target, session, target.context(state, report))
        if not state.finished:
            raise ConflictError(
                f'"{target.name}" was left half-way by a command that was interrupted',
                code="unfinished",
                hint=f"finish it: mlem deployment run --load {target.name}",
            )
        tell_crash(work)
        nothing = UserError(
            f"a {target.deployment.type} deployment has nothing that can be started again", code="no-restart"
        )
        with failures_on_record(session, "restart"):
            return _restarted(work, state.served, nothing).releases[0]


def _restarted(work: Reconciler, served: Release, unable: MlemError) -> State:
    """Start again what serves, and return the state with its new records.

    Raise an error where nothing can be started again.
    """
    if not work.restart():
        raise unable
    gate(work, served.answers_for)
    return work.finish(with_event(same_release(work.state, served), "restart"))


def _outcome(changes: tuple[Change, ...], state: State, *, changed: bool) -> Outcome:
    return Outcome(changes, state.model_copy(update={"lock": None}), changed)


@plugin_edge()
def rollback(
    target: Target,
    number: int | None,
    *,
    report: Report,
    lock: LockOptions = LockOptions(),
    options: RunOptions = RunOptions(),
) -> Release:
    """Put an earlier release back.

    Which one is decided before the lock is waited for: a run that gets it first does not move the aim.

    Args:
        target: The deployment.
        number: The release's number; the one before the current when None.
        report: Called with lines of progress.
        lock: How to lock.
        options: What is said about it.

    Returns:
        The release that serves now: a new number with the old content.

    Raises:
        ConflictError: The release had no protection, and what serves has.
        NotFoundError: There is no such release, or none before the current one.
    """
    seen = target.read_state()
    if seen is None or seen.served is None:
        raise not_deployed(target)
    expect_ours(target, seen)
    try:
        aim = find_release(seen, number).number
    except NotFoundError:
        expect_here(target, seen)  # who looks from elsewhere is told that first
        raise
    with session_of(target, "rollback", lock, report) as session:
        state = session.state
        if state is None or state.served is None:
            raise not_deployed(target)
        expect_here(target, state)
        expect_release(target.name, state, options.expect_release)
        release = find_release(state, aim)
        if state.served.number != seen.served.number:
            report(f"note: release {state.served.number} was made meanwhile; release {aim} replaces it")
        work = Reconciler(target, session, target.context(state, report))
        expect_kept_by(target.name, work.steps, work.ctx, release, options.drop)
        with putting_back(work, state.served, release.model_hash, "rollback"):
            work.restore(release)
            gate(work, release.answers_for)
        made = made_by(target, head(target.location.root), (), options.message)
        new = released(target, work.state, release.model_hash, made, release)
        words = f"to release {release.number}" + (f"; {options.message}" if options.message else "")
        state = work.finish(with_event(new, "rollback", words))
        return state.releases[0]


@plugin_edge()
def remove(target: Target, *, report: Report, lock: LockOptions = LockOptions(), expected: State | None = None) -> bool:
    """Remove everything that belongs to a deployment, in the reverse order of its making, and then its state.

    Args:
        target: The deployment.
        report: Called with lines of progress.
        lock: How to lock.
        expected: The state by which it was found not to be needed; None to remove it whatever was deployed meanwhile.

    Raises:
        ConflictError: Something was deployed since that state was read.

    Returns:
        Whether there was anything.
    """
    if target.read_state() is None:
        return False
    with session_of(target, "remove", lock, report) as session:
        state = session.state
        if state is None:
            return False
        expect_here(target, state)
        if expected is not None:
            _expect_unchanged(target, expected, state)
        with failures_on_record(session, "remove"):
            Reconciler(target, session, target.context(state, report)).remove_all()
            session.erase()
        return True


def _expect_unchanged(target: Target, expected: State, state: State) -> None:
    before, now = ((one.lineage, one.served and one.served.number, one.expires) for one in (expected, state))
    if before != now:
        raise ConflictError(
            f'"{target.name}" was deployed again meanwhile', code="deployed-meanwhile", hint="it is kept as it is"
        )


@plugin_edge()
def forget(target: Target, *, lock: LockOptions = LockOptions()) -> State | None:
    """Erase the state of a deployment whose place is gone for good, or out of reach: whatever is there stays as it is.

    Returns:
        What was on record; None where nothing was.

    Raises:
        ConflictError: The place is right here: it can be removed.
    """
    if target.read_state() is None:
        return None
    with session_of(target, "forget", lock, lambda _line: None) as session:
        state = session.state
        if state is None:
            return None
        if can_be_asked(target, state):
            raise ConflictError(
                f'"{target.name}" is on {state.place.words if state.place else "a platform"} '
                "that can be reached from here",
                code="reachable",
                hint=f"mlem deployment remove {target.name}{target.state_words}",
            )
        session.erase()
        return state


__all__ = [
    "LockOptions",
    "Outcome",
    "Report",
    "forget",
    "hold",
    "keep_plan",
    "plan",
    "release_lock",
    "remove",
    "restart",
    "rollback",
    "run",
]
