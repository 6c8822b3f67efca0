"""Reconciliation: steps are brought to what is wanted one by one, and each is on record before the next begins."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlem.kept_protection import protection_change
from mlem.session import Session
from mlem.state import Release, State
from mlem.step import Action, Change, Context, Record, Step, fields_of
from mlem_model.errors import ConflictError, PluginError
from mlem_model.serving.protection import PROTECTION

_GERUNDS: Mapping[Action, str] = {"create": "creating", "update": "updating", "replace": "replacing"}


def state_of(session: Session) -> State:
    """Return the state that a session is about to change."""
    if session.state is None:
        raise ConflictError(f"the state of {session.name} is gone")
    return session.state


def changes_of(steps: Sequence[Step], ctx: Context, state: State) -> Iterator[Change]:
    """Yield what would happen to each step, without doing it."""
    for step in steps:
        yield _change(step, step.wanted(ctx), ctx, state.records.get(step.name))


def _change(step: Step, wanted: Record | None, ctx: Context, recorded: Record | None) -> Change:
    observed = None if wanted is None or recorded is None else step.observe(ctx, recorded)
    return replace(_difference(step, wanted, recorded, observed), protection=protection_change(recorded, observed, wanted))


def _difference(step: Step, wanted: Record | None, recorded: Record | None, observed: Record | None) -> Change:
    if wanted is None:
        return Change(step.name, "keep") if recorded is None else Change(step.name, "remove", "not declared any more")
    if recorded is None:
        return Change(step.name, "create", "not there yet", fields=fields_of({}, wanted))
    if observed is None:
        return Change(step.name, "create", "gone from the platform", fields=fields_of({}, wanted))
    fields = fields_of(observed, wanted)
    return replace(step.change(observed, wanted), fields=fields) if fields else Change(step.name, "keep")


def check_changes(steps: Sequence[Step], ctx: Context, state: State, changes: Sequence[Change]) -> None:
    """Let every step that differs say what is in its way, before the first one is changed.

    Raises:
        MlemError: What a step would fail with.
    """
    for step, change in zip(steps, changes, strict=True):
        wanted = step.wanted(ctx) if change.action in _GERUNDS else None
        if wanted is not None:
            expect_plain(step, wanted, "wanted")
            step.check(ctx, wanted, state.records.get(step.name))


def expect_plain(step: Step, record: Any, source: str) -> None:
    """Check that a record is what a state can keep: plain JSON data under names.

    Args:
        step: Whose it is.
        record: The record.
        source: The method that returned it.

    Raises:
        PluginError: It is not; the message names the key.
    """
    found = _not_plain(record, "") if isinstance(record, Mapping) else f"a {type(record).__name__}"
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
        return next((found for key, item in value.items() if (found := _not_plain(item, f"{place}.{key}".lstrip("."))) is not None), None)
    if type(value) in (list, tuple):
        return next((found for at, item in enumerate(value) if (found := _not_plain(item, f"{place}[{at}]")) is not None), None)
    return f"{place} is a {type(value).__qualname__}" if type(value) is not float else f"{place} is {value}"


def restart_steps(session: Session, steps: Sequence[Step], ctx: Context) -> Context | None:
    """Start again what runs; None when nothing of any step does."""
    restarted = False
    for step in steps:
        recorded = state_of(session).records.get(step.name)
        if recorded is None:
            continue
        session.guard()
        record = step.restart(ctx, recorded)
        if record is not None:
            ctx, restarted = _recorded(session, step, ctx, record), True
    return ctx if restarted else None


def apply_changes(session: Session, steps: Sequence[Step], ctx: Context, changes: Sequence[Change]) -> Context:
    """Bring every step that differs to what is wanted; each is on record before the next begins."""
    for step, change in zip(steps, changes, strict=True):
        wanted = step.wanted(ctx)
        if change.action != "keep" and wanted is not None:
            ctx = _apply_step(session, step, ctx, wanted, change)
    return ctx


def _apply_step(session: Session, step: Step, ctx: Context, wanted: Record, change: Change) -> Context:
    expect_plain(step, wanted, "wanted")
    session.guard()
    ctx.report(f"{_GERUNDS[change.action]} {step.name}" + (f" ({change.reason})" if change.reason else ""))
    return _recorded(session, step, ctx, step.apply(ctx, wanted, state_of(session).records.get(step.name)))


def remove_step(session: Session, step: Step, ctx: Context) -> Context:
    """Remove a step's resource, then its record."""
    session.guard()
    ctx.report(f"removing {step.name}")
    recorded = state_of(session).records.get(step.name)
    step.remove(ctx, recorded)
    return ctx if recorded is None else _recorded(session, step, ctx, None)


def _recorded(session: Session, step: Step, ctx: Context, record: Record | None) -> Context:
    if record is not None:
        expect_plain(step, record, "apply")
    return replace(ctx, records=session.save(state_of(session).with_record(step.name, record)).records)


def remove_obsolete(session: Session, steps: Sequence[Step], ctx: Context, changes: Sequence[Change]) -> Context:
    """Remove what the declaration does without, once the new release has passed the gate."""
    for step, change in reversed(list(zip(steps, changes, strict=True))):
        if change.action == "remove":
            ctx = remove_step(session, step, ctx)
    return ctx


def restore(session: Session, steps: Sequence[Step], ctx: Context, release: Release) -> Context:
    """Bring every step back to the record that a release has of it, and remove what it did not have."""
    ctx = replace(ctx, model=None, model_location=None, records=state_of(session).records, put_back=release.records)
    for step in steps:
        recorded, current = release.records.get(step.name), state_of(session).records.get(step.name)
        if recorded is None:
            ctx = ctx if current is None else remove_step(session, step, ctx)
            continue
        # Facts like a pid may differ: only what was wanted then has to come back.
        # What it had no word for is not known to have been missing: the step decides.
        keys = [key for key in step.wanted(ctx) or recorded if key in recorded or key not in PROTECTION]
        wanted = {key: recorded.get(key) for key in keys}
        change = _change(step, wanted, ctx, current)
        if change.action != "keep":
            ctx = _apply_step(session, step, ctx, wanted, change)
    return ctx


def prune(steps: Sequence[Step], ctx: Context, state: State) -> None:
    """Let every step remove what no kept release needs; in reverse order, as in a removal: an image goes after its container."""
    for step in reversed(steps):
        step.prune(ctx, [release.records[step.name] for release in state.releases if step.name in release.records])


def finish(session: Session, steps: Sequence[Step], ctx: Context, state: State) -> State:
    """Write the last state of a run: with the lock left by the same write, unless a step has something to prune under it."""
    if all(type(step).prune is Step.prune for step in steps):
        return session.finish(state)
    written = session.save(state)
    prune(steps, ctx, written)
    return written
