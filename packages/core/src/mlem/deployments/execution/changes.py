"""Changes: what a run would do to each step, found out without doing it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlem.deployments.execution.kept_protection import protection_change
from mlem.deployments.step import Action, AnyContext, AnyStep, Change, fields_of
from mlem.state.protection import PROTECTION
from mlem.state.record import Record, record_in
from mlem.state.state import State
from mlem_model.errors import PluginError

MADE: Mapping[Action, str] = {"create": "creating", "update": "updating", "replace": "replacing"}
"""The actions that make something, and how progress names them."""


def changes_of(steps: Sequence[AnyStep], ctx: AnyContext, state: State) -> Iterator[Change]:
    """Yield what would happen to each step, without doing it."""
    for step in steps:
        yield change_of(step, wanted_of(step, ctx), ctx, record_in(state.records, step.record))


def wanted_of(step: AnyStep, ctx: AnyContext) -> Record | None:
    """Return what a step wants, checked: a state has to be able to keep it.

    Raises:
        PluginError: It is not what a state can keep.
    """
    wanted: Record | None = step.wanted(ctx)
    if wanted is not None:
        expect_plain(step, wanted, "wanted")
    return wanted


def change_of(step: AnyStep, wanted: Record | None, ctx: AnyContext, recorded: Record | None) -> Change:
    """Say what would happen to a step, by what it wants, what is on record and what the platform has."""
    observed = None if wanted is None or recorded is None else step.observe(ctx, recorded)
    change = _difference(step, wanted, recorded, observed)
    if ctx.promotion is not None and change.action in MADE:
        change = replace(change, reason="; ".join(filter(None, [step.promoted(ctx), change.reason])))
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
    """Let every step that differs, and the platform, say what is in its way, before the first one is changed.

    Raises:
        MlemError: What a step would fail with.
    """
    for step, change in zip(steps, changes, strict=True):
        wanted = wanted_of(step, ctx) if change.action in MADE else None
        if wanted is not None:
            step.check(ctx, wanted, record_in(state.records, step.record))
    if any(change.action in MADE for change in changes):
        for check in ctx.env.preflight().values():
            check()


def expect_plain(step: AnyStep, record: Any, source: str) -> None:
    """Check that a record can be kept: it is of the class that the step declares, with plain JSON data in its fields.

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


def wanted_then(recorded: Record, wanted: Record) -> Record:
    """Return what a release wanted of a step, by its record: facts like a pid may differ, and need not come back.

    What protects a server and the record had no word for is not known to have been missing: the step decides.

    Args:
        recorded: The record that the release has of the step.
        wanted: What the declaration wants now: the fields to tell of.
    """
    fields = [name for name in wanted.to_data() if recorded.knows(name) or name not in PROTECTION]
    return recorded.from_data({name: getattr(recorded, name, None) for name in fields})
