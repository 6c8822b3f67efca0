"""What a deployment is doing: its state, and one look at its platform."""

from __future__ import annotations

from mlem.deployments.deployment import Phase, Status
from mlem.deployments.edge import plugin_edge
from mlem.deployments.execution.elsewhere import expect_here, has_public_address
from mlem.deployments.execution.locking import expect_ours
from mlem.deployments.resolving.resolve import Target
from mlem.state.state import State
from mlem_model.errors import ConflictError, MlemError, NotFoundError


@plugin_edge()
def status(target: Target) -> tuple[Status, State | None]:
    """Say what a deployment is doing: one read of the state, one look at the platform."""
    state = target.read_state()
    return status_of(target, state), state


@plugin_edge()
def status_of(target: Target, state: State | None) -> Status:
    """Say what a deployment is doing whose state was just read: one look at the platform."""
    if state is None or state.empty:
        return Status(Phase.NOT_DEPLOYED)
    expect_ours(target, state)
    expect_here(target, state)
    seen = target.deployment.status(target.context(state), state)
    if seen.phase is Phase.RUNNING and not state.finished:
        return Status(Phase.STARTING, "the gate has not been passed; run again to finish")
    return seen


def serving(state: State) -> State:
    """Return a state as callers may see it: a release that has not passed the gate gets no calls but the gate's."""
    return state if state.served is None else state.model_copy(update={"records": state.served.records})


def expect_deployed(target: Target, *, to_call: bool = False) -> State:
    """Return the state of a deployment that has something on record, and is here.

    Args:
        target: The deployment.
        to_call: Whether it is only to be called: one with an address of its own is so from anywhere.

    Raises:
        NotFoundError: Nothing is deployed.
        ConflictError: It is elsewhere.
    """
    state = target.read_state()
    if state is None or state.empty:
        raise not_deployed(target)
    expect_ours(target, state)
    if to_call and has_public_address(target, state):
        return state
    try:
        expect_here(target, state)
    except ConflictError:
        raise
    except MlemError:
        if not to_call:
            raise  # who only calls needs no access to the platform
    return state


def not_deployed(target: Target) -> NotFoundError:
    """Return the error for a deployment that has nothing on record."""
    return NotFoundError(
        f'"{target.name}" is not deployed', code="not-deployed", hint=f"mlem deployment run --load {target.name}"
    )
