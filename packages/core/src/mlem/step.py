"""`Step`: one resource of a platform, from what is wanted to what is on record; and the `Context` that steps work in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from mlem.deployment import Deployment
    from mlem.env import Env
    from mlem.model import Model

Record = Mapping[str, Any]
"""Plain JSON data: what a step wants, and what it found or made, in one flat mapping."""

Action = Literal["create", "update", "replace", "keep", "remove"]


@dataclass(frozen=True)
class Change:
    """What a run would do to one resource.

    Attributes:
        step: The step's name.
        action: The verb.
        reason: Why, in words; empty for ``keep``.
        downtime: What a caller of the deployment would notice, in words; empty when nothing.
    """

    step: str
    action: Action
    reason: str = ""
    downtime: str = ""


@dataclass(frozen=True)
class Context:
    """What a step may know.

    Attributes:
        name: The deployment's name in its project, for example ``apps/iris``.
        lineage: The deployment's identity, 32 hex digits: the ownership label of everything it makes.
        deployment: The declaration.
        env: The platform.
        model: The model's metadata; None when an old release is put back, or everything is removed.
        model_location: Path or URL of the model's ``.mlem`` file; None where ``model`` is.
        records: The records of all steps as they stand now, by step name.
        put_back: The records of the release that is put back, the platform's facts of then included; empty in a run.
        report: Call it with a line of progress for the user.
        variables: What the project's settings say to every server, as variables of its environment: what it may load.
        guard: Call it before each action on the platform in a long step; raises `LockedError` when the lock was lost.
    """

    name: str
    lineage: str
    deployment: Deployment
    env: Env
    model: Model | None = None
    model_location: str | None = None
    records: Mapping[str, Record] = field(default_factory=dict)
    put_back: Mapping[str, Record] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    report: Callable[[str], None] = lambda _line: None
    guard: Callable[[], None] = lambda: None


class Step(ABC):
    """One resource of a platform.

    A step is idempotent: it finds what it made before by a deterministic name and the ownership label (the context's
    ``lineage``), so that a run that was killed between making a resource and recording it makes no second one.
    """

    name: ClassVar[str]

    @abstractmethod
    def wanted(self, ctx: Context) -> Record | None:
        """Say what there should be: pure data, without asking the platform; None when the declaration does without it.

        Without a model in the context the same keys are there: an old release, which is put back, fills in its own values.
        """

    @abstractmethod
    def apply(self, ctx: Context, wanted: Record, recorded: Record | None) -> Record:
        """Make it so: create, adopt what is ours, or update.

        Args:
            ctx: The run's context.
            wanted: What `wanted` said; or, when a release is put back, the record of that release.
            recorded: What is on record; None when nothing is.

        Returns:
            The new record: ``wanted`` and the platform's facts (ids, addresses).
        """

    @abstractmethod
    def remove(self, ctx: Context, recorded: Record | None) -> None:
        """Remove the resource if it is there and ours; also one that a killed run made but did not record."""

    def observe(self, ctx: Context, recorded: Record) -> Record | None:
        """Look at the platform: return the record as it really is, None when the resource is gone or not usable."""
        return recorded

    def change(self, recorded: Record, wanted: Record) -> Change:
        """Say how a difference is put right; the default is an update in place."""
        return Change(self.name, "update", differences(recorded, wanted))

    def prune(self, ctx: Context, keep: Sequence[Record]) -> None:
        """Remove what no kept release needs any more: a predecessor that `apply` left serving, a successor that failed.

        Called when the gate has decided: after a release passed, after the last good one was put back, and by a run that found
        nothing to change.

        Args:
            ctx: The run's context.
            keep: This step's records in the releases that are kept.
        """


def differences(recorded: Record, wanted: Record) -> str:
    """Put the fields that differ into words: ``port 8080 -> 9090, memory_mib 512 -> 1024``."""
    words = []
    for key, value in wanted.items():
        old = recorded.get(key)
        if old != value:
            words.append(f"{key} {_short(old)} -> {_short(value)}")
    return ", ".join(words)


def _short(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:12]}..."
