"""A service of Nimbus as a deployment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

from mlem import Client, Context, Deployment, NotFoundError, Phase, State, Status, Step
from mlem.provider import HttpClient, ready
from pydantic import Field

from mlem_provider_nimbus.api import Nimbus
from mlem_provider_nimbus.env import NimbusEnv
from mlem_provider_nimbus.steps.bundle import BundleStep
from mlem_provider_nimbus.steps.service import ServiceRecord, ServiceStep

_PAUSE_S = 0.5


class NimbusService(Deployment):
    """A service of Nimbus that answers as the model does."""

    type: ClassVar[str] = "nimbus_service"
    env_type: ClassVar[str] = "nimbus"
    capabilities: ClassVar[frozenset[str]] = frozenset({"address", "logs", "restart", "rollback"})

    size: Annotated[int, Field(ge=1, le=16)] = Field(default=1, description="processors of the service")
    pass_environment: list[str] = Field(
        default=[], description="variables of this command that the server gets; their values reach no file"
    )

    def steps(self, ctx: Context[NimbusService, NimbusEnv]) -> Sequence[Step[NimbusService, NimbusEnv, Any]]:
        """Return the bundle, then the service that has it."""
        return [BundleStep(), ServiceStep()]

    def status(self, ctx: Context[NimbusService, NimbusEnv], state: State) -> Status:
        """Look at the service, then ask it."""
        record = state.record_of(ServiceRecord)
        found = Nimbus.of(ctx.env).service(record.name) if record is not None else None
        if found is None or found["label"] != ctx.lineage:
            return Status(Phase.CRASHED, "the service is gone")
        if not found["running"]:
            return Status(Phase.CRASHED, "the service does not run: mlem deployment logs says why")
        is_ready, reason = ready(found["url"], 2.0)
        return Status(Phase.RUNNING) if is_ready else Status(Phase.STARTING, reason)

    def client(self, ctx: Context[NimbusService, NimbusEnv], state: State) -> Client:
        """Return an HTTP client."""
        return HttpClient(url=_recorded(state).url)

    def address(self, ctx: Context[NimbusService, NimbusEnv], state: State) -> str | None:
        """Return where the service answers."""
        record = state.record_of(ServiceRecord)
        return record.url or None if record is not None else None

    def logs(
        self, ctx: Context[NimbusService, NimbusEnv], state: State, *, follow: bool, tail: int | None
    ) -> Iterator[str]:
        """Yield what Nimbus has kept, and what comes, until the service ends."""
        nimbus, name, seen = Nimbus.of(ctx.env), _recorded(state).name, 0
        first = True
        while (found := nimbus.log(name, seen)) is not None:
            lines = [str(line) for line in found["lines"]]
            seen += len(lines)
            yield from lines[max(len(lines) - tail, 0) :] if first and tail is not None else lines
            first = False
            if not follow or not found["running"]:
                return
            time.sleep(_PAUSE_S)


def _recorded(state: State) -> ServiceRecord:
    record = state.record_of(ServiceRecord)
    if record is None:
        raise NotFoundError("no service was made", code="not-deployed", hint="mlem deployment run")
    return record
