"""Reconciliation: steps are brought to what is wanted one by one, and each is on record before the next begins."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlem.deployments.execution.kept_protection import protection_change
from mlem.deployments.step import Action, AnyContext, AnyStep, Change, Step, fields_of
from mlem.state.protection import PROTECTION
from mlem.state.record import Record, record_in
from mlem.state.session import Session
from mlem.state.state import Release, State
from mlem_model.errors import ConflictError, PluginError

_GERUNDS: Mapping[Action, str] = {"create": "creating", "update": "updating", "replace": "replacing"}


def state_of(session: Session) -> State:
    """Return the state that a session is about to change."""
    if session.state is None:
        raise ConflictError(f"the state of {session.name} is gone")
    return session.state


def changes_of(steps: Sequence[AnyStep], ctx: AnyContext, state: State) -> Iterator[Change]:
    """Yield what would happen to each step, without doing it."""
    for step in steps:
        yield _change(step, _wanted(step, ctx), ctx, record_in(state.records, step.record))


def _wanted(step: AnyStep, ctx: AnyContext) -> Record | None:
    wanted: Record | None = step.wanted(ctx)
    if wanted is not None:
        expect_plain(step, wanted, "wanted")
    return wanted


def _change(step: AnyStep, wanted: Record | None, ctx: AnyContext, recorded: Record | None) -> Change:
    observed = None if wanted is None or recorded is None else step.observe(ctx, recorded)
    change = _difference(step, wanted, recorded, observed)
    return replace(change, protection=protection_change(_data(recorded), _data(observed), _data(wanted)))


def _data(record: Record | None) -> dict[str, Any] | None:
    return None if record is None else record.to_data()


def _difference(step: AnyStep, wanted: Record | None, recorded: Record | None, observed: Record | None) -> Change:
    if wanted is None:
        return Change(step.name, "keep") if recorded is None else Change(step.name, "remove", "not declared any more")
    if recorded is None:
        return Change(step.name, "create", "not there yet", fields=fields_of({}, wanted.to_data()))
    if observed is None:
        return Change(step.name, "create", "gone from the platform", fields=fields_of({}, wanted.to_data()))
    fields = fields_of(observed.to_data(), wanted.to_data())
    return replace(step.change(observed, wanted), fields=fields) if fields else Change(step.name, "keep")


def check_changes(steps: Sequence[AnyStep], ctx: AnyContext, state: State, changes: Sequence[Change]) -> None:
    """Let every step that differs say what is in its way, before the first one is changed.

    Raises:
        MlemError: What a step would fail with.
    """
    for step, change in zip(steps, changes, strict=True):
        wanted = _wanted(step, ctx) if change.action in _GERUNDS else None
        if wanted is not None:
            step.check(ctx, wanted, record_in(state.records, step.record))


def expect_plain(step: AnyStep, record: Any, source: str) -> None:
    """Check that a record is what a state can keep: the class that the step declares, with plain JSON data in its fields.

    Args:
        step: Whose it is.
        record: The record.
        source: The method that returned it.

    Raises:
        PluginError: It is not; the message names the key.
    """
    is_declared = isinstance(record, step.record)
    found = (
        _not_plain(record.to_data(), "")
        if is_declared
        else f"a {type(record).__name__}, and not a {step.record.__name__}"
    )
    if found is not None:
        raise PluginError(
            f'step "{step.name}" returned from {source} what a state can\'t keep: {found}',
            code="plugin-failed",
            hint=f"a fault of {type(step).__module__.partition('.')[0]}, for its authors: records are plain JSON data",
        )


def _not_plain(value: Any, place: str) -> str | None:
    """Say what of a value is not plain JSON data; None when all is."""
    if value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value)):
        return None
    if isinstance(value, Mapping):
        key = next((key for key in value if type(key) is not str), None)
        if key is not None:
            return f"{place or 'the record'} has the key {key!r:.60}"
        return next(
            (
                found
                for key, item in value.items()
                if (found := _not_plain(item, f"{place}.{key}".lstrip("."))) is not None
            ),
            None,
        )
    if type(value) in (list, tuple):
        return next(
            (found for at, item in enumerate(value) if (found := _not_plain(item, f"{place}[{at}]")) is not None), None
        )
    return f"{place} is a {type(value).__qualname__}" if type(value) is not float else f"{place} is {value}"


def restart_steps(session: Session, steps: Sequence[AnyStep], ctx: AnyContext) -> AnyContext | None:
    """Start again what runs; None when nothing of any step does."""
    restarted = False
    for step in steps:
        recorded = record_in(state_of(session).records, step.record)
        if recorded is None:
            continue
        session.guard()
        record = step.restart(ctx, recorded)
        if record is not None:
            ctx, restarted = _recorded(session, step, ctx, record), True
    return ctx if restarted else None


def apply_changes(session: Session, steps: Sequence[AnyStep], ctx: AnyContext, changes: Sequence[Change]) -> AnyContext:
    """Bring every step that differs to what is wanted; each is on record before the next begins."""
    for step, change in zip(steps, changes, strict=True):
        wanted = _wanted(step, ctx)
        if change.action != "keep" and wanted is not None:
            ctx = _apply_step(session, step, ctx, wanted, change)
    return ctx


def _apply_step(session: Session, step: AnyStep, ctx: AnyContext, wanted: Record, change: Change) -> AnyContext:
    session.guard()
    ctx.report(f"{_GERUNDS[change.action]} {step.name}" + (f" ({change.reason})" if change.reason else ""))
    return _recorded(session, step, ctx, step.apply(ctx, wanted, record_in(state_of(session).records, step.record)))


def remove_step(session: Session, step: AnyStep, ctx: AnyContext) -> AnyContext:
    """Remove a step's resource, then its record."""
    session.guard()
    ctx.report(f"removing {step.name}")
    data = state_of(session).records.get(step.name)
    recorded = (
        None if data is None else step.record.what_fits(data)
    )  # what is damaged must not keep what carries our mark
    step.remove(ctx, recorded)
    return ctx if recorded is None else _recorded(session, step, ctx, None)


def _recorded(session: Session, step: AnyStep, ctx: AnyContext, record: Record | None) -> AnyContext:
    if record is not None:
        expect_plain(step, record, "apply")
    return replace(ctx, records=session.save(state_of(session).with_record(step.name, _data(record))).records)


def remove_obsolete(
    session: Session, steps: Sequence[AnyStep], ctx: AnyContext, changes: Sequence[Change]
) -> AnyContext:
    """Remove what the declaration does without, once the new release has passed the gate."""
    for step, change in reversed(list(zip(steps, changes, strict=True))):
        if change.action == "remove":
            ctx = remove_step(session, step, ctx)
    return ctx


def restore(session: Session, steps: Sequence[AnyStep], ctx: AnyContext, release: Release) -> AnyContext:
    """Bring every step back to the record that a release has of it, and remove what it did not have."""
    ctx = replace(ctx, model=None, model_location=None, records=state_of(session).records, put_back=release.records)
    for step in steps:
        recorded, current = record_in(release.records, step.record), record_in(state_of(session).records, step.record)
        if recorded is None:
            ctx = ctx if current is None else remove_step(session, step, ctx)
            continue
        wanted = _wanted_then(recorded, step.wanted(ctx) or recorded)
        change = _change(step, wanted, ctx, current)
        if change.action != "keep":
            ctx = _apply_step(session, step, ctx, wanted, change)
    return ctx


def _wanted_then(recorded: Record, wanted: Record) -> Record:
    """Return what a release wanted of a step, by its record: facts like a pid may differ, and need not come back.

    What protects a server and the record had no word for is not known to have been missing: the step decides.

    Args:
        recorded: The record that the release has of the step.
        wanted: What the declaration wants now: the fields to tell of.
    """
    fields = [name for name in wanted.to_data() if recorded.knows(name) or name not in PROTECTION]
    return recorded.from_data({name: getattr(recorded, name, None) for name in fields})


def prune(steps: Sequence[AnyStep], ctx: AnyContext, state: State) -> None:
    """Let every step remove what no kept release needs.

    In reverse order, as in a removal: an image goes after its container.
    """
    for step in reversed(steps):
        kept = [record_in(release.records, step.record) for release in state.releases]
        step.prune(ctx, [record for record in kept if record is not None])


def finish(session: Session, steps: Sequence[AnyStep], ctx: AnyContext, state: State) -> State:
    """Write the last state of a run.

    With the lock left by the same write, unless a step has something to prune under it.
    """
    if all(type(step).prune is Step.prune for step in steps):
        return session.finish(state)
    written = session.save(state)
    prune(steps, ctx, written)
    return written
