"""`Placement`: a container comes into the place of another, which stays until the gate has decided."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlem import MlemError, Phase, PlatformError
from mlem.provider import has_these_tokens, ready
from mlem_provider_docker.api.sdk import Engine
from mlem_provider_docker.containers import adoption, container, drift
from mlem_provider_docker.names import parked_name
from mlem_provider_docker.records import ContainerRecord

if TYPE_CHECKING:
    from mlem_provider_docker.deployment import DockerContext

_READY_POLL_S = 0.05
_PROBE_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Placement:
    """Brings a container into place.

    Attributes:
        ctx: The run's context.
        engine: Where.
        wanted: What the container is to be.
        stop_timeout_s: How long a container may take to stop.
        ready_timeout_s: How long a server may take until it is ready; what then is, the gate finds out.
        unfit: The id of a container that has the right label, and is not to be adopted: somebody changed it, or it is
            to start again.
        foreign: The id of a container that was taken over from MLEM 0.4, and gives way.
    """

    ctx: DockerContext
    engine: Engine
    wanted: ContainerRecord
    stop_timeout_s: float
    ready_timeout_s: float
    unfit: str | None = None
    foreign: str | None = None

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.wanted.container_name)

    def place(self, port_before: int | None) -> ContainerRecord:
        """Adopt the container that fits, else start one.

        Args:
            port_before: The host port on record, which a free one prefers to be.

        Returns:
            The record: what was wanted, with ``id``, ``port``, ``url``, and ``start_s`` from the stop of the
            predecessor, if it had to stop, to readiness.

        Raises:
            ConflictError: A container of somebody else has the name.
            PlatformError: The port is taken.
        """
        container.url_of(self.engine.endpoint, self.wanted.bind_address, 1, self.wanted.address_host)
        container.settings(
            self.wanted, 1, self.ctx.lineage, self.ctx.name, ""
        )  # what is wrong with them is said before anything gives way
        container.expect_ours(self.engine.container(self.name), self.name, self.ctx.lineage, self.foreign)
        digest = container.config_digest(self.wanted)
        listed = self.engine.containers(self.ctx.lineage)
        ids = [item["Id"] for item in listed] + ([self.foreign] if self.foreign else [])
        ours = [found for id_ in ids if (found := self.engine.container(id_)) is not None]
        fitting = next((found for found in ours if self._fits(found, digest)), None)
        others = [found for found in ours if found is not fitting]
        for other in others:
            if other["Name"].lstrip("/") == self.name:
                self.engine.rename(other["Id"], parked_name(self.name, other["Id"]))
        adopted = self._adopt(fitting, others) if fitting is not None else None
        return adopted or self._start_new(port_before, others)

    def _fits(self, found: dict[str, Any], digest: str) -> bool:
        labelled = (found["Config"].get("Labels") or {}).get(container.CONFIG_LABEL) == digest and found[
            "Id"
        ] != self.foreign
        if not labelled or found["Id"] == self.unfit:
            return False
        there = drift.variables_of(found)
        return has_these_tokens(self.wanted, there) and not drift.stale_names(found, self.wanted.pass_environment)

    def _adopt(self, fitting: dict[str, Any], others: Sequence[dict[str, Any]]) -> ContainerRecord | None:
        """Bring a container of the right settings into place; None when its port is taken, and any other will do."""
        id_, state = fitting["Id"], fitting["State"]
        stopped = fitting["Name"].lstrip("/") != self.name and self.engine.rename(id_, self.name)
        began = None
        if state.get("Paused"):
            self.engine.unpause(id_)
        elif stopped or not state.get("Running") or state.get("Restarting"):
            self.engine.stop(id_, 1)
            began = self._make_way(self._port(fitting), others)
            try:
                self.engine.start(id_, self.name)
            except MlemError as error:
                if error.code != "port-in-use" or self.wanted.requested_port:
                    raise
                self.engine.remove_container(id_)
                return None
        return self._record(id_, began)

    def _start_new(self, port_before: int | None, others: Sequence[dict[str, Any]]) -> ContainerRecord:
        """Create and start a container on the requested port, or on a free one."""
        requested = self.wanted.requested_port
        taken = {port for other in others if other["State"].get("Running") for port in container.host_ports(other)}
        refused = PlatformError("no free port was found", code="port-in-use", hint="choose one: --port N")
        for port in [requested] if requested else container.free_ports(self.ctx.lineage, port_before):
            if port in taken and not requested:
                continue
            self.ctx.guard()
            image = self.engine.image(str(self.wanted.image)) or {}
            settings = container.settings(
                self.wanted, port, self.ctx.lineage, self.ctx.name, str(image.get("Id")), self.engine.logging_driver()
            )
            id_ = self.engine.create(str(self.wanted.image), self.name, settings)
            began = self._make_way(port, others)
            try:
                self.engine.start(id_, self.name)
            except MlemError as error:
                self.engine.remove_container(id_)
                if not isinstance(error, PlatformError) or error.code != "port-in-use" or requested:
                    raise
                refused = error
                continue
            return self._record(id_, began)
        raise refused

    def _make_way(self, port: int | None, others: Sequence[dict[str, Any]]) -> float:
        """Let the containers of ours that have a port give it up; return when the gap began."""
        began = time.monotonic()
        for other in others:
            if port in container.host_ports(other) and other["Id"] == self.foreign:
                adoption.step_aside(self.engine, other)
            elif port in container.host_ports(other):
                self.engine.stop(other["Id"], self.stop_timeout_s)
        return began

    def _port(self, found: dict[str, Any]) -> int | None:
        return container.published_port(found, self.wanted.container_port)

    def _record(self, id_: str, began: float | None) -> ContainerRecord:
        """Wait until the server is ready or has failed, so that the gap is known.

        Whether it answers rightly is the gate's matter.
        """
        found = self.engine.container(id_)
        port = self._port(found) if found else None
        made = self.wanted.changed(
            id=id_,
            port=port,
            url=container.url_of(self.engine.endpoint, self.wanted.bind_address, port or 0, self.wanted.address_host),
            as_made=drift.as_made(found) if found else None,
            **({"replaces": self.foreign} if self.foreign else {}),
        )
        return made.changed(start_s=None if began is None else self._await_ready(made, began))

    def _await_ready(self, record: ContainerRecord, began: float) -> float | None:
        while time.monotonic() < began + self.ready_timeout_s:
            if ready(str(record.url), _PROBE_TIMEOUT_S, direct=not record.address_host)[0]:
                return round(time.monotonic() - began, 2)
            if container.status(self.engine.container(record.id), record).phase is not Phase.STARTING:
                return None
            self.ctx.guard()
            time.sleep(_READY_POLL_S)
        return None
