"""Maintenance mode: callers get a page that asks for patience, in place of the model's answers."""

from __future__ import annotations

from mlem.deployments.execution.elsewhere import expect_here
from mlem.deployments.execution.locking import LockOptions, Report, session_of
from mlem.deployments.execution.status import expect_deployed, not_deployed
from mlem.deployments.releases.history import failures_on_record, with_event
from mlem.deployments.resolving.resolve import Target

WORD = "maintenance"


def maintenance(target: Target, on: bool | None, *, report: Report, lock: LockOptions) -> bool:
    """Say whether a deployment is in maintenance mode; begin or end it first where that is asked for.

    A change is made under the lock, so that no run is at its gate, and is in the history.

    Args:
        target: The deployment.
        on: Whether it is to be; None only to ask.
        report: Called with lines of progress.
        lock: How to lock.

    Raises:
        UserError: The platform has no such mode.
        NotFoundError: Nothing is deployed.
    """
    deployment = target.deployment
    deployment.expect_capability(WORD)
    if on is None:
        state = expect_deployed(target)
        return deployment.maintenance(target.context(state), state)
    if target.read_state() is None:
        raise not_deployed(target)
    with session_of(target, WORD, lock, report) as session:
        if session.state is None or session.state.empty:
            raise not_deployed(target)
        state = session.state
        expect_here(target, state)
        with failures_on_record(session, WORD):
            found = deployment.maintenance(target.context(state, report), state, on=on)
            session.finish(with_event(state, WORD, "on" if found else "off"))
        return found
