"""A platform in memory: for tests of the engine, with faults that can be set."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, TypeVar

from mlem.clients.client import Client
from mlem.deployments.access.streams import Streams
from mlem.deployments.deployment import Deployment, Phase, Status
from mlem.deployments.env import Env
from mlem.deployments.step import Change, Context, Step, differences
from mlem.state.record import Record
from mlem_model.errors import PlatformError
from mlem_model.models.model import Model, Sample
from mlem_model.serving.interface import Interface


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


@dataclass
class FakePlatform:
    """What is on the platform, and what goes wrong there.

    Attributes:
        resources: Record by (lineage, step).
        served: The model that answers, by lineage.
        calls: What was asked of the platform, in order: ``apply disk``, ``remove server``.
        faults: What is raised at the next call of a name, once: ``{"apply server": PlatformError("no")}``; a name that
            ends in `` after`` is raised when the platform has done what was asked.
        wrong: Digests of models that give wrong answers here.
        hangs: What a look at a deployment waits for, by its name, before it is answered.
        expires: When what serves stops by itself, by lineage.
        in_maintenance: The lineages that are in maintenance mode.
    """

    resources: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    served: dict[str, Model] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    faults: dict[str, BaseException] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)
    hangs: dict[str, threading.Event] = field(default_factory=dict)
    expires: dict[str, str | None] = field(default_factory=dict)
    in_maintenance: set[str] = field(default_factory=set)

    def called(self, name: str) -> None:
        """Note a call, and raise the fault that is set for it."""
        self.calls.append(name)
        self.fail(name)

    def fail(self, name: str) -> None:
        """Raise the fault that is set for a name, once."""
        fault = self.faults.pop(name, None)
        if fault is not None:
            raise fault


PLATFORM = FakePlatform()
"""The platform of all fake deployments; a test replaces its content by `reset`."""


def reset() -> FakePlatform:
    """Empty the platform and return it."""
    PLATFORM.__init__()  # type: ignore[misc]  # the object stays the one that steps know
    return PLATFORM


class FakeEnv(Env):
    """The platform as an env."""

    type: ClassVar[str] = "fake"
    deployment_type: ClassVar[str] = "fake_deployment"

    region: str = "here"


class FakeRecord(Record):
    """A resource in memory."""

    model_hash: str | None = None
    id: str = ""


FakeRecordT = TypeVar("FakeRecordT", bound=FakeRecord)
FakeContext: TypeAlias = "Context[FakeDeployment, FakeEnv]"


class FakeStep(Step["FakeDeployment", FakeEnv, FakeRecordT]):
    """A resource in memory."""

    def observe(self, ctx: FakeContext, recorded: FakeRecordT) -> FakeRecordT | None:
        """Look whether the resource is there."""
        return recorded if (ctx.lineage, self.name) in PLATFORM.resources else None

    def apply(self, ctx: FakeContext, wanted: FakeRecordT, recorded: FakeRecordT | None) -> FakeRecordT:
        """Make the resource."""
        PLATFORM.called(f"apply {self.name}")
        made = wanted.changed(id=f"{self.name}-{wanted.model_hash}")
        PLATFORM.resources[ctx.lineage, self.name] = made.to_data()
        PLATFORM.fail(f"apply {self.name} after")
        return made

    def remove(self, ctx: FakeContext, recorded: FakeRecordT | None) -> None:
        """Remove the resource."""
        PLATFORM.called(f"remove {self.name}")
        PLATFORM.resources.pop((ctx.lineage, self.name), None)
        PLATFORM.fail(f"remove {self.name} after")

    def prune(self, ctx: FakeContext, keep: Sequence[FakeRecordT]) -> None:
        """Note what is kept."""
        PLATFORM.calls.append(f"prune {self.name} keep {len(keep)}")


class DiskRecord(FakeRecord):
    """A disk in memory."""

    step: ClassVar[str] = "disk"


class DiskStep(FakeStep[DiskRecord]):
    """A resource that is updated in place, and that a deployment can do without."""

    record = DiskRecord

    def wanted(self, ctx: FakeContext) -> DiskRecord | None:
        """Want it when it is declared."""
        return DiskRecord(model_hash=ctx.model.digest if ctx.model else None) if ctx.deployment.disk else None


class ServerRecord(FakeRecord):
    """A server in memory."""

    step: ClassVar[str] = "server"

    size: int = 1


class ServerStep(FakeStep[ServerRecord]):
    """A resource that is replaced."""

    record = ServerRecord

    def wanted(self, ctx: FakeContext) -> ServerRecord | None:
        """Want this model on this size."""
        return ServerRecord(model_hash=ctx.model.digest if ctx.model else None, size=ctx.deployment.size)

    def apply(self, ctx: FakeContext, wanted: ServerRecord, recorded: ServerRecord | None) -> ServerRecord:
        """Start to serve the model."""
        made = super().apply(ctx, wanted, recorded)
        if ctx.model is not None:
            MODELS[ctx.model.digest] = ctx.model
        PLATFORM.served[ctx.lineage] = MODELS[str(wanted.model_hash)]
        return made

    def change(self, recorded: ServerRecord, wanted: ServerRecord) -> Change:
        """A server is replaced."""
        return Change(self.name, "replace", differences(recorded, wanted), "some seconds")


MODELS: dict[str, Model] = {}
"""Every model that was ever deployed, by digest."""


class FakeClient(Client):
    """Answers as the model on record, or wrongly."""

    type: ClassVar[str] = "fake"

    lineage: str

    def fetch_interface(self) -> Interface:
        """Describe the model that is served."""
        PLATFORM.fail("interface")
        return Interface.of(PLATFORM.served[self.lineage])

    def call_encoded(self, method: str, payload: Mapping[str, Any]) -> Any:
        """Answer from the sample rows."""
        model = PLATFORM.served[self.lineage]
        sample: Sample = model.samples[method]
        return "wrong" if model.digest in PLATFORM.wrong else sample.returns


class FakeDeployment(Deployment):
    """A deployment on the platform in memory."""

    type: ClassVar[str] = "fake_deployment"
    env_type: ClassVar[str] = "fake"
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"logs", "previous-logs", "rollback", "exec", "maintenance", "ttl"}
    )

    size: int = 1
    disk: bool = True

    def steps(self, ctx: FakeContext) -> Sequence[Step[FakeDeployment, FakeEnv, Any]]:
        """Return a disk and a server."""
        return [DiskStep(), ServerStep()]

    def status(self, ctx: FakeContext, state: Any) -> Status:
        """Look for the server."""
        if ctx.name in PLATFORM.hangs:
            PLATFORM.hangs[ctx.name].wait()
        PLATFORM.fail(f"status {ctx.name}")
        if (ctx.lineage, "server") not in PLATFORM.resources:
            return Status(Phase.CRASHED, "the server is gone")
        return Status(Phase.RUNNING)

    def logs(self, ctx: FakeContext, state: Any, *, follow: bool, tail: int | None) -> Iterator[str]:
        """Yield a line."""
        yield "a line of the log"

    def previous_logs(self, ctx: FakeContext, state: Any) -> Iterator[str]:
        """Yield lines of three hours, unless there are none."""
        PLATFORM.fail("previous logs")
        yield from (f"2026-11-27T0{hour}:00:00Z line {hour}" for hour in range(3))

    def exec(self, ctx: FakeContext, state: Any, command: Sequence[str], streams: Streams) -> int:
        """Answer with the command's words, the id of the server, and as many as the exit code."""
        streams.write_output(" ".join([state.records["server"]["id"], *command]).encode())
        return len(command)

    def maintenance(self, ctx: FakeContext, state: Any, *, on: bool | None = None) -> bool:
        """Note who is in maintenance."""
        PLATFORM.fail("maintenance")
        if on is not None:
            (PLATFORM.in_maintenance.add if on else PLATFORM.in_maintenance.discard)(ctx.lineage)
        return ctx.lineage in PLATFORM.in_maintenance

    def expire(self, ctx: FakeContext, state: Any, at: str | None) -> None:
        """Note the time."""
        PLATFORM.expires[ctx.lineage] = at

    def client(self, ctx: FakeContext, state: Any) -> Client:
        """Return a client of the served model."""
        if ctx.lineage not in PLATFORM.served:
            raise PlatformError("nothing is served")
        return FakeClient(lineage=ctx.lineage)
