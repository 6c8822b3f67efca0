"""`DeploymentHandle`: everything that can be done with one declared deployment, from Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlem import engine
from mlem.deployment import Condition, Deployment, DeploymentStatus
from mlem.edge import plugin_edge, under_edge
from mlem.engine import Lock, Outcome
from mlem.errors import UserError, WaitTimeoutError
from mlem.project import Location
from mlem.state import LockInfo, Release, State
from mlem.step import Change
from mlem.target import Target, resolve, resolve_model

if TYPE_CHECKING:
    from mlem.client import Client
    from mlem.model import Model


def _silent(_line: str) -> None:
    """Report progress to nobody."""


def _served(state: State) -> State:
    """Return a state as callers may see it: a release that has not passed the gate gets no calls but the gate's."""
    return state.model_copy(update={"records": state.releases[0].records}) if state.releases else state


@dataclass(frozen=True)
class DeploymentHandle:
    """A declared deployment.

    Attributes:
        target: The deployment with its env and its state store.
        report: Called with lines of progress.
        lock: How operations that change something lock.

    Example::

        handle = mlem.api.load("iris-app")
        handle.run()
        handle.get_client().predict(rows)
    """

    target: Target
    report: Callable[[str], None] = _silent
    lock: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, location: Location, deployment: Deployment | None = None, **options: Any) -> DeploymentHandle:
        """Make a handle from a place.

        Args:
            location: The declaration.
            deployment: Its content; read from the file when None.
            **options: ``report``, ``lock``.
        """
        return cls(resolve(location, deployment), **options)

    @property
    def name(self) -> str:
        """The deployment's name in its project."""
        return self.target.name

    @property
    def deployment(self) -> Deployment:
        """The declaration."""
        return self.target.deployment

    def _model(self) -> tuple[Model, str]:
        name = self.deployment.model
        if name is None:
            raise UserError(f'"{self.name}" has no model', code="no-model", hint=f"mlem deployment run --load {self.name} --model MODEL")
        model, place = resolve_model(name, self.target.location)
        self.target.config.core.trust.check(model, place.source)
        return model, place.source

    def plan(self) -> Sequence[Change]:
        """Say what `run` would do to each resource."""
        return engine.plan(self.target, *self._model())

    def run(self) -> Outcome:
        """Deploy what is declared."""
        return engine.run(self.target, *self._model(), report=self.report, lock=self.lock)

    def rollback(self, number: int | None = None) -> Release:
        """Put an earlier release back; the one before the current when no number is given."""
        return engine.rollback(self.target, number, report=self.report, lock=self.lock)

    def remove(self) -> bool:
        """Remove everything that was deployed; return whether there was anything."""
        return engine.remove(self.target, report=self.report, lock=self.lock)

    def restart(self) -> Release:
        """Start again what serves, with the present values of what is passed on to it; return its release."""
        return engine.restart(self.target, report=self.report, lock=self.lock)

    def forget(self) -> State | None:
        """Erase the record of a deployment whose machine or account is gone for good; return what was on record."""
        return engine.forget(self.target, lock=self.lock)

    def state(self) -> State | None:
        """Read the state; None when nothing is deployed."""
        return self.target.read_state()

    def status(self) -> Condition:
        """Say what the deployment is doing."""
        return engine.condition(self.target)[0]

    @plugin_edge()
    def address(self) -> str | None:
        """Return the URL of a deployed model; None when it has none."""
        state = self.target.read_state()
        if state is None or state.empty:
            return None
        state = _served(state)
        return self.deployment.address(self.target.context(state), state)

    @plugin_edge()
    def wait(self, wanted: Sequence[DeploymentStatus] = (DeploymentStatus.RUNNING,), timeout_s: float = 300.0) -> Condition:
        """Wait until the deployment has one of some statuses.

        Raises:
            WaitTimeoutError: It did not get there in time.
        """
        from mlem.gate import await_status

        state = engine.expect_deployed(self.target) if DeploymentStatus.NOT_DEPLOYED not in wanted else self.target.read_state()
        if state is None or state.empty:
            return Condition(DeploymentStatus.NOT_DEPLOYED)
        seen = await_status(self.deployment, self.target.context(state), state, frozenset(wanted), timeout_s)
        if seen.status not in wanted:
            words = f": {seen.reason}" if seen.reason else ""
            raise WaitTimeoutError(
                f'"{self.name}" is still {seen.status} after {timeout_s:g} s{words}', hint=f"mlem deployment logs {self.name}"
            )
        return seen

    def releases(self) -> Sequence[Release]:
        """Return the kept releases, newest first."""
        state = self.target.read_state()
        return state.releases if state else ()

    @plugin_edge()
    def logs(self, *, follow: bool = False, tail: int | None = None) -> Iterator[str]:
        """Yield log lines, oldest first."""
        state = engine.expect_deployed(self.target)
        return under_edge(self.deployment.logs(self.target.context(state), state, follow=follow, tail=tail))

    @plugin_edge()
    def get_client(self) -> Client:
        """Return a client whose methods are the model's: of the release that serves, also while a run replaces it."""
        state = _served(engine.expect_deployed(self.target, to_call=True))
        return self.deployment.client(self.target.context(state), state)

    def holder(self) -> LockInfo | None:
        """Return who holds the lock."""
        state = self.target.read_state()
        return state.lock if state else None

    def hold(self, message: str = "") -> LockInfo:
        """Take the lock by hand."""
        return engine.hold(self.target, message, self.lock)

    def release_lock(self, id_: str | None = None) -> LockInfo | None:
        """Release a lock that was taken by hand; return it."""
        return engine.release_lock(self.target, id_)
