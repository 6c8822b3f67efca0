"""`Reconciler`: a deployment under its lock, whose steps are brought to what is wanted one by one.

Each is on record before the next begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mlem.deployments.execution.changes import (
    MADE,
    change_of,
    changes_of,
    check_changes,
    expect_plain,
    wanted_of,
    wanted_then,
)
from mlem.deployments.resolving.resolve import Target
from mlem.deployments.step import AnyContext, AnyStep, Change, Step
from mlem.project.duration import is_over
from mlem.state.locks.session import Session
from mlem.state.record import Record, record_in
from mlem.state.state import Release, State


class Reconciler:
    """What a command works with: the lock on a deployment's state, the steps, and what they may know.

    Args:
        target: The deployment.
        session: The lock on it, and its state.
        ctx: What steps may know; their guard becomes the session's.

    Attributes:
        ctx: The context as it stands: its records follow the state.
        steps: The deployment's steps, in the order of their making.
    """

    def __init__(self, target: Target, session: Session, ctx: AnyContext) -> None:
        self.target = target
        self.session = session
        self.ctx = replace(ctx, guard=session.guard)
        self.steps: Sequence[AnyStep] = target.deployment.steps(self.ctx)

    @property
    def state(self) -> State:
        """The state as it stands."""
        return self.session.current

    def changes(self) -> tuple[Change, ...]:
        """Return what would happen to each step."""
        return tuple(changes_of(self.steps, self.ctx, self.state))

    def check(self, changes: Sequence[Change]) -> None:
        """Let every step that differs say what is in its way, before the first one is changed."""
        check_changes(self.steps, self.ctx, self.state, changes)

    def apply(self, changes: Sequence[Change], before_serving: Callable[[State], None] = lambda _state: None) -> None:
        """Bring every step that differs to what is wanted; each is on record before the next begins.

        Args:
            changes: What happens to each step.
            before_serving: Called before the step by which callers get the new release, whether it differs or not.
        """
        serving = next((step for step in self.steps if step.serves), self.steps[-1] if self.steps else None)
        for step, change in zip(self.steps, changes, strict=True):
            if step is serving:
                before_serving(self.state)
            wanted = wanted_of(step, self.ctx)
            if change.action != "keep" and wanted is not None:
                self._apply(step, wanted, change)

    def remove_obsolete(self, changes: Sequence[Change]) -> None:
        """Remove what the declaration does without, once the new release has passed the gate."""
        for step, change in reversed(list(zip(self.steps, changes, strict=True))):
            if change.action == "remove":
                self._remove(step)

    def remove_all(self) -> None:
        """Remove every step's resource and record, in the reverse order of their making."""
        for step in reversed(self.steps):
            self._remove(step)

    def restore(self, release: Release) -> None:
        """Bring every step back to the record that a release has of it, and remove what it did not have."""
        self.ctx = replace(self.ctx, model=None, promotion=None, records=self.state.records, put_back=release.records)
        for step in self.steps:
            recorded, current = record_in(release.records, step.record), record_in(self.state.records, step.record)
            if recorded is not None:
                wanted = wanted_then(recorded, step.wanted(self.ctx) or recorded)
                change = change_of(step, wanted, self.ctx, current)
                if change.action != "keep":
                    self._apply(step, wanted, change)
            elif current is not None:
                self._remove(step)

    def restart(self) -> bool:
        """Start again what runs; return False when nothing of any step does."""
        restarted = False
        for step in self.steps:
            recorded = record_in(self.state.records, step.record)
            if recorded is None:
                continue
            self.session.guard()
            record = step.restart(self.ctx, recorded)
            if record is not None:
                self._record(step, record)
                restarted = True
        return restarted

    def prune(self) -> None:
        """Let every step remove what no kept release needs.

        In reverse order, as in a removal: an image goes after its container.
        """
        for step in reversed(self.steps):
            kept = [record_in(release.records, step.record) for release in self.state.releases]
            step.prune(self.ctx, [record for record in kept if record is not None])

    def finish(self, state: State) -> State:
        """Write the last state of a command.

        With the lock left by the same write, unless a step has something to prune under it. What serves is told before
        when it expires.
        """
        self.expire(state.expires)
        if all(type(step).prune is Step.prune for step in self.steps):
            return self.session.finish(state)
        written = self.session.save(state)
        self.prune()
        return written

    def expire(self, at: str | None) -> None:
        """Tell a platform that stops by itself what has expired when that is.

        What is started though its time is over goes on until ``gc`` removes it.
        """
        if "ttl" in self.target.deployment.capabilities:
            self.target.deployment.expire(self.ctx, self.state, None if at is None or is_over(at) else at)

    def _apply(self, step: AnyStep, wanted: Record, change: Change) -> None:
        self.session.guard()
        self.ctx.report(f"{MADE[change.action]} {step.name}" + (f" ({change.reason})" if change.reason else ""))
        self._record(step, step.apply(self.ctx, wanted, record_in(self.state.records, step.record)))

    def _remove(self, step: AnyStep) -> None:
        """Remove a step's resource, then its record."""
        self.session.guard()
        self.ctx.report(f"removing {step.name}")
        data = self.state.records.get(step.name)
        # what is damaged must not keep what carries our mark
        recorded = None if data is None else step.record.what_fits(data)
        step.remove(self.ctx, recorded)
        if recorded is not None:
            self._record(step, None)

    def _record(self, step: AnyStep, record: Record | None) -> None:
        if record is not None:
            expect_plain(step, record, "apply")
        written = self.state.with_record(step.name, None if record is None else record.to_data())
        self.ctx = replace(self.ctx, records=self.session.save(written).records)
