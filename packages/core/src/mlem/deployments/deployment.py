"""`Deployment`: what to deploy how. A provider subclasses it; the engine does the rest."""

from __future__ import annotations

import enum
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, model_validator

from mlem.deployments.owner import Candidate
from mlem.deployments.step import AnyContext, AnyStep
from mlem.deployments.variables import check_environment
from mlem.project.duration import checked
from mlem.state.adopted import Adopted
from mlem.state.place import Place
from mlem_model.errors import DeclarationError, UserError
from mlem_model.legacy.fields import OF_04
from mlem_model.objects.fields import Unit
from mlem_model.objects.object import MlemObject

if TYPE_CHECKING:
    from mlem.clients.client import Client
    from mlem.deployments.access.streams import Streams
    from mlem.state.state import State


CAPABILITIES: Mapping[str, tuple[str, str]] = {
    "logs": ("logs", "it has what the servers wrote"),
    "previous-logs": ("logs --previous", "it has what was written before the last start, too"),
    "exec": ("exec, shell", "a command can be run where the model is served"),
    "maintenance": ("maintenance", "callers can be shown a page that asks for patience"),
    "ttl": ("run --ttl", "what has expired stops by itself; without it, gc stops and removes it"),
    "rollback": ("rollback", "an earlier release can be put back"),
    "restart": ("restart", "what serves can be started again as it is"),
    "promote": ("promote", "what was made for another deployment is taken over, and not made again"),
    "address": ("open", "it answers under a URL that a browser can open"),
    "recover": ("state recover", "what serves is found by its marks when its state is lost"),
    "adopt": ("adopt", "what somebody else deployed is taken over"),
}
"""What not every platform can do: the capability, the commands or the option that need it, and what it means."""


class Phase(enum.StrEnum):
    """What a deployment is doing."""

    UNKNOWN = "unknown"
    NOT_DEPLOYED = "not_deployed"
    STARTING = "starting"
    RUNNING = "running"
    STOPPED = "stopped"
    CRASHED = "crashed"


@dataclass(frozen=True)
class Status:
    """How a deployment is.

    Attributes:
        phase: The word for it.
        reason: Why, for a person; empty when the word says all.
    """

    phase: Phase
    reason: str = ""


class Deployment(MlemObject, ABC):
    """A declaration of one deployment.

    Attributes:
        type: The word that users type: ``docker_container``.
        env_type: The type of `Env` that it needs.
        capabilities: What it can do of that which not every platform can, see `CAPABILITIES`; the conformance kit asks
            for it, and the table of commands and providers shows it.
    """

    object_type: ClassVar[str] = "deployment"
    env_type: ClassVar[str] = ""
    capabilities: ClassVar[frozenset[str]] = frozenset({"logs", "rollback"})

    env: str | dict[str, Any] | None = Field(
        default=None, description="where to deploy: the name of a declared env, an env type, or its fields"
    )
    model: str | None = Field(default=None, description="name of the saved model")
    state_manager: str | dict[str, Any] | None = Field(
        default=None,
        description="what keeps the state: a type, a URI, or its fields (default: the project's core.state)",
    )
    keep_releases: Annotated[int, Field(ge=1, le=50)] = Field(
        default=3, description="releases kept for rollback, the current one included"
    )
    gate_timeout_s: Annotated[float, Field(gt=0, le=86400), Unit("s")] = Field(
        default=120.0, description="how long a new release may take until it answers the sample row rightly"
    )

    ttl: Annotated[str, AfterValidator(checked)] | None = Field(
        default=None,
        description="how long it is needed after its last run (90min, 2h, 7d): then mlem deployment gc removes it",
    )

    @model_validator(mode="after")
    def _check_environment(self) -> Self:
        check_environment(self)
        return self

    @abstractmethod
    def steps(self, ctx: AnyContext) -> Sequence[AnyStep]:
        """Return the resources, in the order in which they are made; they are removed in the reverse order."""

    @abstractmethod
    def status(self, ctx: AnyContext, state: State) -> Status:
        """Ask the platform what the deployment is doing, with one cheap look."""

    @abstractmethod
    def logs(self, ctx: AnyContext, state: State, *, follow: bool, tail: int | None) -> Iterator[str]:
        """Yield log lines, oldest first, without line ends.

        Args:
            ctx: The context.
            state: The deployment's state.
            follow: Go on with new lines until the caller stops, or the deployment ends.
            tail: Begin with this many last lines; None for all.
        """

    def previous_logs(self, ctx: AnyContext, state: State) -> Iterator[str]:
        """Yield the lines of what ran before the last start: before a crash, a restart or a run. Oldest first.

        It declares the capability ``previous-logs``. Where the platform does not tell one earlier server from another,
        the lines of all are there, and the newest come last.

        Raises:
            NotFoundError: Nothing ran before, or its log is not kept any more; the message says which.
        """
        raise self.lacking("previous-logs")

    def exec(self, ctx: AnyContext, state: State, command: Sequence[str], streams: Streams) -> int:
        """Run a command where the model is served, and return its exit code; 128 and the number of a signal.

        It declares the capability ``exec``. At an interrupt, as at any other error, the command is interrupted too, and
        killed if it does not end by that: nothing of it goes on.

        Args:
            ctx: The context.
            state: The deployment's state.
            command: Its words, which reach no shell that is not one of them.
            streams: Its standard streams.

        Raises:
            NotFoundError: Nothing runs that it could be run in, or there is no such command.
        """
        raise self.lacking("exec")

    def maintenance(self, ctx: AnyContext, state: State, *, on: bool | None = None) -> bool:
        """Say whether callers get a page that asks for patience, in place of answers; begin or end that first.

        It declares the capability ``maintenance``. The engine has the lock when something is to change.

        Args:
            ctx: The context.
            state: The deployment's state.
            on: Whether it is to be so; None only to ask.
        """
        raise self.lacking("maintenance")

    def expire(self, ctx: AnyContext, state: State, at: str | None) -> None:
        """Have what serves stop by itself at a time; None for never. Its resources and its state stay for ``gc``.

        Called where the capability ``ttl`` is declared, each time that a command has started or confirmed what serves.

        Args:
            ctx: The context.
            state: The deployment's state.
            at: UTC, ISO 8601, to the second.
        """

    def expect_capability(self, capability: str) -> None:
        """Check that this type can do something that not every platform can.

        Raises:
            UserError: It can't.
        """
        if capability not in self.capabilities:
            raise self.lacking(capability)

    def lacking(self, capability: str) -> UserError:
        """Return the error for what this type can't do."""
        from mlem_model.plugins.registry import registry

        able = sorted(cls.type for cls in registry().all("deployment").values() if capability in cls.capabilities)
        return UserError(
            f"a {self.type} deployment can't do this: mlem deployment {CAPABILITIES[capability][0].partition(',')[0]}",
            known=able,
            code=f"no-{capability}",
        )

    @abstractmethod
    def client(self, ctx: AnyContext, state: State) -> Client:
        """Return a client of the running deployment."""

    def address(self, ctx: AnyContext, state: State) -> str | None:
        """Return the URL under which the deployment answers; None when it has none."""
        return None

    def place(self, ctx: AnyContext) -> Place | None:
        """Say where the deployment is: the engine compares it with the place on record before it concludes anything.

        Ask the platform, and not the settings: the same settings lead another computer, or another account, elsewhere.
        The records of the context may name where to look; without records it is where a run would deploy.

        Returns:
            The place; None where there is but one: a service that the whole world reaches under one address.
        """
        return None

    def is_same_place(self, ctx: AnyContext, recorded: Place, here: Place) -> bool:
        """Say whether the place on record and the one that is reached from here are one.

        The context has the records.
        """
        return recorded.id == here.id

    def words_04(self, old: Mapping[str, Any]) -> str:
        """Put into words what a state of MLEM 0.4 has on record: ``the container myc (0123456789ab)``.

        The platform is not asked.

        Args:
            old: The content of the state's file.

        Returns:
            The words; empty where nothing is deployed.
        """
        return f"a deployment of type {self.type}"

    def adopt_04(self, ctx: AnyContext, old: Mapping[str, Any]) -> Adopted:
        """Take over what MLEM 0.4 deployed and has on record, because its owner asks for it.

        From now on it is ours, by its id alone.

        It may set the platform's mark of ownership; the context has the lineage. What it does can be done again: ``mlem
        migrate`` that was interrupted is repeated. It concludes nothing from what is not there: another Engine or
        account may be asked.

        Args:
            ctx: The context, with the declaration and env that the next run has.
            old: The content of the state's file, of which ``words_04`` says that something is deployed.

        Raises:
            DeclarationError: This type takes nothing over, the default; the hint says what to do instead.
            NotFoundError: It is not there.
            ConflictError: It is somebody else's.
        """
        raise DeclarationError(
            f"a {self.type} deployment of MLEM 0.4 can't be taken over",
            code=OF_04,
            hint=f"remove it with MLEM 0.4: mlem deployment remove {ctx.name}; then run mlem migrate again",
        )

    def candidates(self, ctx: AnyContext, id_: str | None) -> Sequence[Candidate]:
        """Look on the platform for what could be taken over, since no state has it on record; it changes nothing.

        Who implements it declares the capability ``recover``.

        Args:
            ctx: The context, with the declaration and the env; it has no lineage and no records.
            id_: What a person points to, in the platform's words; None for whatever a deployment of this name, as it is
                declared, has left.

        Returns:
            What was found; somebody else's too, where it has the name, or a person points to it.
        """
        return ()

    def adopt(self, ctx: AnyContext, id_: str) -> Adopted:
        """Take over what somebody else deployed, because its owner asks for it; see `adopt_04`.

        Who implements it declares the capability ``adopt``.

        Args:
            ctx: The context, with the lineage that it gets.
            id_: What a person points to: the id of one of the `candidates`, which is not ours.

        Raises:
            UserError: This type takes nothing over, the default.
            NotFoundError: It is not there.
            ConflictError: It can't be taken over.
        """
        raise self.lacking("adopt")

    def pauses(self) -> Iterator[float]:
        """Yield the seconds between looks at the platform while something is awaited.

        A platform that counts calls yields longer ones.
        """
        pause_s = 0.02
        while True:
            yield pause_s
            pause_s = min(pause_s * 1.5, 1.0)

    def to_declaration(self, env: Mapping[str, Any]) -> dict[str, Any]:
        """Return the declaration as a state keeps it: with the env inlined, without secrets."""
        return {**self.to_data(), "env": dict(env)}
