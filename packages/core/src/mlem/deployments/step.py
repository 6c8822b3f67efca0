"""`Step`: one resource of a platform, from what is wanted to what is on record.

And the `Context` that steps work in.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeAlias, TypeVar

from mlem.state.protection import OTHERS, TOKENS
from mlem.state.record import RecordT, record_in
from mlem_model.serving.protection import TOKENS_VARIABLE

if TYPE_CHECKING:
    from mlem.deployments.promotion import Promotion
    from mlem_model.models.model import Model

DeploymentT = TypeVar("DeploymentT")
EnvT = TypeVar("EnvT")

_SHOWN = 24
"""So many characters of a value are shown in words; the fields of a change have all of it."""

Action = Literal["create", "update", "replace", "keep", "remove"]


@dataclass(frozen=True)
class Difference:
    """What differs of one field.

    Attributes:
        old: What there is; None when nothing is known.
        new: What there should be.
    """

    old: Any
    new: Any


@dataclass(frozen=True)
class Change:
    """What a run would do to one resource.

    Attributes:
        step: The step's name.
        action: The verb.
        reason: Why, in words; empty for ``keep``.
        downtime: What a caller of the deployment would notice, in words; empty when nothing.
        fields: What differs: what there is and what there should be, by field.
        protection: What keeps strangers out, now and then, whether it differs or not: ``tokens`` and ``tls``; empty for
            a step that starts no server.
    """

    step: str
    action: Action
    reason: str = ""
    downtime: str = ""
    fields: Mapping[str, Difference] = field(default_factory=dict, compare=False)
    protection: Mapping[str, Difference] = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Context(Generic[DeploymentT, EnvT]):
    """What a step may know; generic in the class of the deployment and in that of its env.

    Attributes:
        name: The deployment's name in its project, for example ``apps/iris``.
        lineage: The deployment's identity, 32 hex digits: the ownership label of everything it makes.
        deployment: The declaration.
        env: The platform.
        model: The model's metadata, which knows the folder of its files; None when an old release is put back, or
            everything is removed.
        records: The records of all steps as they stand now, by step name, as the state keeps them; `record_of` reads
            one.
        put_back: The records of the release that is put back, the platform's facts of then included; empty in a run;
            `put_back_of` reads one.
        promotion: The release of another deployment that is promoted to this one; None where there is none;
            `promoted_of` reads one of its records.
        image_builder: What the project's settings say is to make images; None where they say nothing.
        report: Call it with a line of progress for the user: a step in words, such as ``pushing app:3 (41.2 MB)``. With
            two spaces in front it says what goes on in that step, a line of its log or ``12.0 MB of 41.2 MB``: that is
            shown with ``--verbose``, and where the step fails.
        variables: What the project's settings say to every server, as variables of its environment: what it may load.
        guard: Call it before each action on the platform in a long step; raises `LockedError` when the lock was lost.
    """

    name: str
    lineage: str
    deployment: DeploymentT
    env: EnvT
    model: Model | None = None
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    put_back: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    promotion: Promotion | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    image_builder: str | None = None
    report: Callable[[str], None] = lambda _line: None
    guard: Callable[[], None] = lambda: None

    def record_of(self, record: type[RecordT]) -> RecordT | None:
        """Return the record of a step as it stands now; None when nothing is on record.

        Args:
            record: The class that the step declares.
        """
        return record_in(self.records, record)

    def put_back_of(self, record: type[RecordT]) -> RecordT | None:
        """Return the record of a step in the release that is put back; None in a run, and where that release had none.

        Args:
            record: The class that the step declares.
        """
        return record_in(self.put_back, record)

    def promoted_of(self, record: type[RecordT]) -> RecordT | None:
        """Return the record of a step in the release that is promoted to this deployment; None where there is none.

        Args:
            record: The class that the step declares.
        """
        return None if self.promotion is None else self.promotion.record_of(record)


class Step(ABC, Generic[DeploymentT, EnvT, RecordT]):
    """One resource of a platform; generic in the classes of the deployment, of its env, and of the step's own record.

    A step is idempotent: it finds what it made before by a deterministic name and the ownership label (the context's
    ``lineage``), so that a run that was killed between making a resource and recording it makes no second one.

    Attributes:
        record: The class of what the step wants and leaves on the platform.
        name: The step's name, which its record declares.
        serves: Whether callers get the new release by this step; where no step says so, it is the last one. What is
            before it is what hooks call the build.
    """

    record: type[RecordT]
    name: ClassVar[str]
    serves: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        declared = cls.__dict__.get("record")
        if declared is not None:
            cls.name = declared.step

    @abstractmethod
    def wanted(self, ctx: Context[DeploymentT, EnvT]) -> RecordT | None:
        """Say what there should be: pure data, without asking the platform; None when the declaration does without it.

        Without a model in the context the same fields are known: an old release, which is put back, fills in its own
        values.
        """

    @abstractmethod
    def apply(self, ctx: Context[DeploymentT, EnvT], wanted: RecordT, recorded: RecordT | None) -> RecordT:
        """Make it so: create, adopt what is ours, or update.

        Args:
            ctx: The run's context.
            wanted: What `wanted` said; or, when a release is put back, the record of that release.
            recorded: What is on record; None when nothing is.

        Returns:
            The new record: ``wanted`` and the platform's facts (ids, addresses).
        """

    @abstractmethod
    def remove(self, ctx: Context[DeploymentT, EnvT], recorded: RecordT | None) -> None:
        """Remove the resource if it is there and ours; also one that a killed run made but did not record."""

    def observe(self, ctx: Context[DeploymentT, EnvT], recorded: RecordT) -> RecordT | None:
        """Look at the platform: return the record as it really is, None when the resource is gone or not usable."""
        return recorded

    def change(self, recorded: RecordT, wanted: RecordT) -> Change:
        """Say how a difference is put right; the default is an update in place."""
        return Change(self.name, "update", differences(recorded, wanted))

    def check(self, ctx: Context[DeploymentT, EnvT], wanted: RecordT, recorded: RecordT | None) -> None:
        """Raise what would make `apply` fail and can be known before anything is changed; by default nothing.

        Called for every step that differs before the first one is applied, and by ``plan``. It changes nothing.

        Args:
            ctx: The context of the run, with its model.
            wanted: What `wanted` said.
            recorded: What is on record; None when nothing is.
        """

    def promoted(self, ctx: Context[DeploymentT, EnvT]) -> str:
        """Say what of the promoted release this step takes over and does not make again: the reason of its change.

        Empty, the default, where it makes everything itself. Whoever takes something over finds it with the context's
        ``promoted_of``, refuses in `check` what can't be had from here, and declares the capability ``promote``.
        """
        return ""

    def restart(self, ctx: Context[DeploymentT, EnvT], recorded: RecordT) -> RecordT | None:
        """Start again what runs, as it is on record, with the present values of what is passed on to it.

        Return its new record.

        None, the default, when nothing of this step runs. The engine calls it when a user asks for it, and when
        everything is as it should be and the deployment does not answer.
        """
        return None

    def prune(self, ctx: Context[DeploymentT, EnvT], keep: Sequence[RecordT]) -> None:
        """Remove what no kept release needs any more: a predecessor that `apply` left serving, a successor that failed.

        Called when the gate has decided: after a release passed, after the last good one was put back, and by a run
        that found nothing to change.

        Args:
            ctx: The run's context.
            keep: This step's records in the releases that are kept.
        """


AnyContext: TypeAlias = Context[Any, Any]
"""The context of whatever deployment: what the core works with."""
AnyStep: TypeAlias = Step[Any, Any, Any]
"""A step of whatever deployment."""


def fields_of(recorded: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Difference]:
    """Return the fields that differ between two records, which are given as a state keeps them."""
    return {
        key: Difference(_shown(recorded.get(key)), _shown(value))
        for key, value in wanted.items()
        if recorded.get(key) != value
    }


def _shown(value: Any) -> Any:
    """Return a value as it may be shown: records of before tokens were refused in declarations may have some."""
    return {**value, TOKENS_VARIABLE: "(hidden)"} if isinstance(value, Mapping) and TOKENS_VARIABLE in value else value


def differences(recorded: RecordT, wanted: RecordT, *, without: Collection[str] = ()) -> str:
    """Put the fields that differ into words: ``port 8080 -> 9090, environment.DEBUG none -> 1``.

    Args:
        recorded: What there is.
        wanted: What there should be; what it does not know does not count.
        without: Fields that do not count either.
    """
    differing = recorded.differing(wanted, without=without)
    fields = fields_of(recorded.to_data(), wanted.to_data())
    return ", ".join(_words(key, one.old, one.new) for key, one in fields.items() if key in differing)


def _words(key: str, old: Any, new: Any) -> str:
    if isinstance(old, Mapping | None) and isinstance(new, Mapping | None) and (old or new):
        old, new = old or {}, new or {}
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        return ", ".join(_words(f"{key}.{name}", old.get(name), new.get(name)) for name in names)
    if key == TOKENS and old == OTHERS:
        return f"the value of {TOKENS_VARIABLE}"
    before, after = ("none" if value is None else str(value) for value in (old, new))
    alike = next(
        (at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one != other),
        min(len(before), len(after)),
    )
    start = alike if alike > _SHOWN // 2 and max(len(before), len(after)) > _SHOWN else 0
    return f"{key} {_short(before, start)} -> {_short(after, start)}"


def _short(text: str, start: int) -> str:
    """Cut a text: the part that differs is the one to show."""
    if len(text) <= _SHOWN:
        return text
    shown = text[start : start + _SHOWN // 2]
    return f"{'...' if start else ''}{shown}{'...' if start + _SHOWN // 2 < len(text) else ''}"
