"""What releases have done, compared with what was said before: the records are the journal, the changes the plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlem.state.state import Release, State

_EVENTS = {("run", "done"), ("restart", "done"), ("rename", "done"), ("hold", "done")}
"""What may happen between two releases without leaving a step half done."""


def otherwise_than_said(state: State) -> list[str]:
    """Return in words what the kept releases of a deployment have done otherwise than their plans said.

    A step that the plan keeps has the record that it had; one that it creates, updates or replaces has another one; one
    that it removes has none. Releases after a failed or interrupted command are left out: what that one has done is not
    in their plan.
    """
    if any((event.what, event.outcome) not in _EVENTS for event in state.history):
        return []
    newer = [one for one in state.releases if one.rollback_of is None and one.made is not None and not one.adopted]
    known = {one.number: one for one in state.releases}
    pairs = [(known[one.number - 1], one) for one in newer if one.number - 1 in known]
    return [words for before, after in pairs for words in _otherwise(before, after)]


def _otherwise(before: Release, after: Release) -> Iterator[str]:
    said = _said(after)
    for step in sorted({*said, *before.records, *after.records}):
        old, new, action = before.records.get(step), after.records.get(step), said.get(step, "keep")
        done = "create" if old is None else "remove" if new is None else "keep" if old == new else "change"
        expected = {"keep": {"keep"}, "remove": {"remove"}}.get(action, {"create", "change"})
        if done not in expected:
            yield f"release {after.number}: {step}: said {action}, done {done}: {_differing(old, new)}"


def _said(release: Release) -> dict[str, str]:
    """Return what was said of each step: ``update image (model_hash 0123 -> 4567)`` is an update of the image."""
    words = [change.split(" ", 2) for change in release.made.changes] if release.made else []
    return {each[1]: each[0] for each in words}


def _differing(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> str:
    names = sorted({*(old or {}), *(new or {})})
    return ", ".join(name for name in names if (old or {}).get(name) != (new or {}).get(name))
