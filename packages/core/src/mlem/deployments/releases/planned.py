"""`Planned`: a plan that was looked at, kept in a file, so that a run does exactly that or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from mlem.deployments.step import Change
from mlem.state.locks.owner import now
from mlem.state.state import State
from mlem_model.errors import ConflictError, DeclarationError
from mlem_model.objects.files import unusable
from mlem_model.objects.object import Value
from mlem_model.objects.validation import validate

LARGEST_BYTES = 4 * 2**20
"""A larger file is not a plan: it is not read."""


class PlannedChange(Value):
    """What a run is to do to one resource.

    Attributes:
        step: The step's name.
        action: The verb.
        reason: Why, in words.
        downtime: What a caller would notice.
        protection: What keeps strangers out afterwards.
    """

    step: str
    action: str
    reason: str = ""
    downtime: str = ""
    protection: dict[str, str] = {}

    @classmethod
    def of(cls, change: Change) -> Self:
        """Keep a change."""
        protection = {key: str(one.new or "none") for key, one in change.protection.items()}
        return cls(
            step=change.step,
            action=change.action,
            reason=change.reason,
            downtime=change.downtime,
            protection=protection,
        )

    def describe(self) -> str:
        """Say what is done to what."""
        return f"{self.action} {self.step}"


class Planned(Value):
    """A plan, with all that it was made from.

    Attributes:
        name: The deployment's name.
        created: When it was planned, UTC, ISO 8601.
        release: The release that served then; 0 for none.
        model: The model that was named for it; None for the declared one.
        env: The env that was named for it; None for the declared one.
        model_hash: The digest of the model that is to serve.
        declaration: The digest of what is declared, with its env.
        records: The digest of what was on record.
        changes: What is to be done.
    """

    name: str
    created: str
    release: int
    model: str | None = None
    env: str | None = None
    model_hash: str
    declaration: str
    records: str
    changes: tuple[PlannedChange, ...]

    @classmethod
    def of(
        cls,
        name: str,
        state: State | None,
        model_hash: str,
        declaration: Mapping[str, Any],
        changes: Sequence[Change],
        model: str | None = None,
        env: str | None = None,
    ) -> Self:
        """Keep a plan.

        Args:
            name: The deployment's name.
            state: Its state; None before the first run.
            model_hash: The digest of the model that is to serve.
            declaration: What is declared, as a state keeps it.
            changes: What a run would do.
            model: The model that was named for it.
            env: The env that was named for it.
        """
        return cls(
            name=name,
            created=now(),
            release=_release(state),
            model=model,
            env=env,
            model_hash=model_hash,
            declaration=_digest(declaration),
            records=_digest(state.records if state else {}),
            changes=tuple(PlannedChange.of(change) for change in changes),
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a plan's file.

        Raises:
            DeclarationError: It is not a plan.
            UserError: It can't be read.
        """
        try:
            with path.open("rb") as file:
                content = file.read(LARGEST_BYTES + 1)
        except OSError as error:
            raise unusable(path, error, "read") from error
        try:
            if len(content) > LARGEST_BYTES:
                raise ValueError("it is too large")
            data = json.loads(content)
            if not isinstance(data, dict):
                raise TypeError("expected an object")
        except (ValueError, TypeError, RecursionError) as error:
            hint = "mlem deployment plan NAME --out FILE makes one"
            raise DeclarationError(f"{path} is not a plan: {error}", code="bad-plan", hint=hint) from error
        return validate(cls, data, str(path))

    def to_bytes(self) -> bytes:
        """Return the content of the plan's file."""
        return (json.dumps(self.model_dump(mode="json"), indent=1) + "\n").encode()

    def expect(self, state: State, model_hash: str, declaration: Mapping[str, Any], changes: Sequence[Change]) -> None:
        """Check that nothing has moved since: a run would do what was planned, to what was there then.

        Args:
            state: The state, under the lock.
            model_hash: The digest of the model that is to serve.
            declaration: What is declared, as a state keeps it.
            changes: What a run would do now.

        Raises:
            ConflictError: Something has moved; the message says what.
        """
        now_planned = Planned.of(self.name, state, model_hash, declaration, changes)
        moved = [
            words
            for words, then, current in (
                (f"release {now_planned.release} serves, not {self.release}", self.release, now_planned.release),
                ("the model is another one", self.model_hash, now_planned.model_hash),
                ("the declaration or its env is another one", self.declaration, now_planned.declaration),
                ("something else is on record", self.records, now_planned.records),
            )
            if then != current
        ]
        done = [one.describe() for one in self.changes], [one.describe() for one in now_planned.changes]
        if done[0] != done[1]:
            moved.append(f"a run would {', '.join(done[1])}, planned was {', '.join(done[0])}")
        elif [one.protection for one in self.changes] != [one.protection for one in now_planned.changes]:
            moved.append("who may call the servers would be another")
        if moved:
            raise ConflictError(
                f'"{self.name}" is not as it was when this was planned, at {self.created}: {"; ".join(moved)}',
                code="plan-moved",
                hint=f"plan again, and look at it: mlem deployment plan {self.name} --out FILE",
            )


def _release(state: State | None) -> int:
    return state.served.number if state and state.served else 0


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()
