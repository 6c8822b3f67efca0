"""Drift: where the platform is not any more as the newest release left it."""

from __future__ import annotations

from dataclasses import replace

from mlem.deployments.edge import plugin_edge
from mlem.deployments.execution.changes import change_of, wanted_then
from mlem.deployments.resolving.resolve import Target
from mlem.deployments.step import Change
from mlem.state.record import record_in
from mlem.state.state import State


@plugin_edge()
def drift_of(target: Target, state: State) -> tuple[Change, ...]:
    """Return what putting the newest release back would change, field by field; nothing is changed.

    What the declaration says now does not matter: what was declared since and is not deployed yet is no drift.

    Args:
        target: The deployment.
        state: Its state, just read.

    Raises:
        MlemError: The platform could not be asked.
    """
    served = state.served
    if served is None:
        return ()
    ctx = replace(target.context(state), model=None, put_back=served.records)
    found = []
    for step in target.deployment.steps(ctx):
        recorded = record_in(served.records, step.record)
        if recorded is None:
            continue
        wanted = wanted_then(recorded, step.wanted(ctx) or recorded)
        found.append(change_of(step, wanted, ctx, record_in(state.records, step.record)))
    return tuple(change for change in found if change.action != "keep")
