"""`DeploymentSummary`: one deployment in a line, as its state and its platform say."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from mlem.deployments.deployment import Phase
from mlem.deployments.execution.drift import drift_of
from mlem.deployments.execution.status import status_of
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.resolving.resolve import Target
from mlem.deployments.step import Change
from mlem.state.locks.owner import is_dead
from mlem.state.state import State


@dataclass(frozen=True)
class DeploymentSummary:
    """A deployment in a line.

    Attributes:
        name: Its name in its project.
        type: Its type; None where it can't be read.
        status: What it is doing; ``unknown`` where that could not be asked.
        reason: Why, in words.
        model: The name of the model that was deployed; None before.
        model_hash: The digest of that model.
        release: The number of the release that serves.
        since: When that release passed the gate, UTC, ISO 8601.
        by: Who made it, from what.
        url: Where it answers.
        locked_by: Who has the lock now.
        expires: When it may be removed, UTC, ISO 8601; None where it stays.
        declared: Whether its declaration is here.
        project: The id of the project that it belongs to.
        drift: Where the platform is not as the release left it, where that was asked.
        overlays: Its overlays; each has a line of its own.
        error: Why it could not be asked.
    """

    name: str
    type: str | None = None
    status: str = "unknown"
    reason: str = ""
    model: str | None = None
    model_hash: str | None = None
    release: int | None = None
    since: str | None = None
    by: str = ""
    url: str | None = None
    locked_by: str | None = None
    expires: str | None = None
    declared: bool = True
    project: str = ""
    drift: tuple[Change, ...] = ()
    overlays: tuple[str, ...] = ()
    error: str | None = None

    @property
    def is_right(self) -> bool:
        """Whether it is declared, and runs as it was left; or is there for its overlays, and was never deployed."""
        only_a_base = bool(self.overlays) and self.status == Phase.NOT_DEPLOYED.value
        return self.declared and self.error is None and (self.runs or only_a_base)

    @property
    def runs(self) -> bool:
        """Whether it runs as it was left."""
        return self.error is None and self.status == Phase.RUNNING.value and not self.drift


def with_state(summary: DeploymentSummary, state: State) -> DeploymentSummary:
    """Return a summary with what a state says."""
    served = state.served
    model: Any = state.declaration.get("model") if served else None
    lock = state.lock
    return replace(
        summary,
        type=state.type,
        model=model,
        model_hash=state.model_hash,
        release=served.number if served else None,
        since=served.created if served else None,
        by=served.made.describe() if served and served.made else "",
        locked_by=lock.describe() if lock and (lock.manual or not is_dead(lock)) else None,
        expires=state.expires,
        project=state.project,
    )


def asked(target: Target, state: State | None, *, declared: bool, drift: bool = False) -> DeploymentSummary:
    """Return a summary of a deployment whose platform is asked: one look.

    Args:
        target: The deployment.
        state: Its state, just read.
        declared: Whether its declaration is here.
        drift: Whether each resource is looked at, too.

    Raises:
        MlemError: It could not be asked.
    """
    seen = status_of(target, state)
    known = DeploymentSummary(target.name, target.deployment.type, seen.phase.value, seen.reason, declared=declared)
    summary = known if state is None else with_state(known, state)
    if state is None:
        return summary
    if drift and seen.phase is not Phase.NOT_DEPLOYED:
        summary = replace(summary, drift=drift_of(target, state))
    return summary if seen.phase is not Phase.RUNNING else replace(summary, url=DeploymentHandle(target).address(state))
