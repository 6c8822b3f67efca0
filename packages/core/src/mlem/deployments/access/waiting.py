"""Waiting until a deployment has a status."""

from __future__ import annotations

import time
from collections.abc import Iterable

from mlem.deployments.deployment import Phase, Status
from mlem.deployments.execution.status import expect_deployed
from mlem.deployments.resolving.resolve import Target
from mlem.state.locks.owner import is_dead
from mlem.state.state import State
from mlem_model.errors import PlatformError, UserError, WaitTimeoutError

_ENDED = frozenset({Phase.CRASHED, Phase.STOPPED, Phase.NOT_DEPLOYED})
"""What does not become running by itself."""
_PAUSE_S = 0.2
_LOOK_S = 1.0


def wait_for(target: Target, wanted: Phase | str | Iterable[Phase | str], timeout_s: float) -> Status:
    """Wait until a deployment has a status; see `DeploymentHandle.wait`."""
    from mlem.deployments.execution.gate import await_status

    statuses = _statuses(wanted)
    over = (_ENDED if Phase.RUNNING in statuses else frozenset[Phase]()) - statuses
    state = expect_deployed(target) if Phase.NOT_DEPLOYED not in statuses else target.read_state()
    deadline = time.monotonic() + timeout_s
    while True:
        if state is None or state.empty:
            return Status(Phase.NOT_DEPLOYED)
        left_s = max(0.0, deadline - time.monotonic())
        look_s = (
            min(left_s, _LOOK_S) if Phase.NOT_DEPLOYED in statuses else left_s
        )  # the state says so, not the platform
        seen = await_status(
            target.deployment,
            target.context(state),
            state,
            statuses,
            look_s,
            give_up=lambda found: found.phase in over,
        )
        if seen.phase in statuses:
            return seen
        words = f": {seen.reason}" if seen.reason else ""
        hint = f"mlem deployment logs {target.name}"
        if time.monotonic() >= deadline and seen.phase not in over:
            raise WaitTimeoutError(f'"{target.name}" is still {seen.phase} after {timeout_s:g} s{words}', hint=hint)
        before, state = state, target.read_state()
        if seen.phase in over and (time.monotonic() >= deadline or not _may_change(before, state)):
            raise PlatformError(
                f'"{target.name}" is {seen.phase}{words}', code=seen.phase.value.replace("_", "-"), hint=hint
            )
        time.sleep(min(_PAUSE_S, max(0.0, deadline - time.monotonic())))


def _statuses(wanted: Phase | str | Iterable[Phase | str]) -> frozenset[Phase]:
    """Return the statuses that are named.

    Raises:
        UserError: There is no such status.
    """
    named = [wanted] if isinstance(wanted, str) else wanted
    words = [str(word) for word in named] if isinstance(named, Iterable) else [str(named)]
    known = [status.value for status in Phase]
    wrong = next((word for word in words if word not in known), None)
    if wrong is not None or not words:
        raise UserError(
            "no status to wait for is named" if wrong is None else f'no status "{wrong}"',
            known=known,
            code="unknown-status",
        )
    return frozenset(map(Phase, words))


def _may_change(before: State, now: State | None) -> bool:
    """Say whether a deployment that has crashed may get on by itself.

    A command has changed it meanwhile, or is at work.
    """
    if now is None or now.records != before.records:
        return True
    return now.lock is not None and not now.lock.manual and not is_dead(now.lock)
