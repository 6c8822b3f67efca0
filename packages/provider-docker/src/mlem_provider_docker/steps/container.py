"""`ContainerStep`: the container that serves the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlem import Change, ConflictError, Step
from mlem.provider import differences, protection
from mlem_provider_docker.containers import adoption, container, previous_log, surroundings
from mlem_provider_docker.containers.adoption import known_id
from mlem_provider_docker.containers.container import IN_PLACE, drift
from mlem_provider_docker.containers.drift import observed
from mlem_provider_docker.containers.placement import Placement
from mlem_provider_docker.names import parked_name, slug
from mlem_provider_docker.records import ContainerRecord

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine
    from mlem_provider_docker.deployment import DockerContainer, DockerContext
    from mlem_provider_docker.env import DockerEnv
from mlem_provider_docker.steps.engine import engine_of_record, expect_same_engine
from mlem_provider_docker.steps.image import image_name


def _mount(deployment: DockerContainer, volume: str) -> str:
    """Return a volume as the Engine takes it: a relative folder starts from the declaration's."""
    source, separator, rest = volume.partition(":")
    return f"{deployment.declared_path(source)}{separator}{rest}" if source.startswith((".", "~")) else volume


class ContainerStep(Step["DockerContainer", "DockerEnv", ContainerRecord]):
    """The container that serves the model."""

    record = ContainerRecord

    def wanted(self, ctx: DockerContext) -> ContainerRecord:
        """Want a container of this image, in place and with these settings."""
        deployment = ctx.deployment
        environment = {**ctx.variables, **deployment.environment}
        return ContainerRecord(
            model_hash=ctx.model.digest if ctx.model else None,
            image=image_name(ctx),
            container_name=deployment.container_name or slug(ctx.name),
            requested_port=deployment.port,
            bind_address=deployment.bind_address,
            address_host=deployment.address_host,
            container_port=deployment.container_port,
            environment=environment,
            pass_environment=list(deployment.pass_environment),
            **protection(environment, deployment.pass_environment),
            labels=dict(deployment.labels),
            memory_mib=deployment.memory_mib,
            cpus=deployment.cpus,
            gpus=deployment.gpus,
            restart_policy=deployment.restart_policy,
            network=deployment.network,
            volumes=[_mount(deployment, volume) for volume in deployment.volumes],
            read_only=deployment.read_only,
            log_max_mib=deployment.log_max_mib,
            run_arguments=dict(deployment.run_arguments),
            platform=deployment.platform,
            engine=ctx.env.where,
            situation=IN_PLACE,
        )

    def observe(self, ctx: DockerContext, recorded: ContainerRecord) -> ContainerRecord | None:
        """Look whether the very container on record is there and runs, under its name and on its port."""
        found = engine_of_record(ctx, recorded).container(recorded.id)
        return (
            None if found is None else recorded.changed(**observed(found, recorded), situation=drift(found, recorded))
        )

    def change(self, recorded: ContainerRecord, wanted: ContainerRecord) -> Change:
        """A container can't be changed: another takes its place, without a gap where the ports allow it."""
        if recorded.differing(wanted, without=("situation",)) <= {"address_host", "engine"}:
            why = differences(recorded, wanted, without=("situation",)) or f"the container is {recorded.situation}"
            return Change(self.name, "update", why)
        secrets = sorted(set(wanted.pass_environment) - set(recorded.pass_environment))
        told = differences(recorded, wanted, without=("situation", "pass_environment") if secrets else ("situation",))
        reason = ", ".join(filter(None, [told, *(f"the value of {name}" for name in secrets)]))
        if recorded.situation != IN_PLACE or wanted.requested_port != recorded.port:
            return Change(self.name, "replace", reason)
        start_s = recorded.start_s
        gap = (
            f"about {start_s:.1f} s as at the last start, twice that if the gate fails"
            if start_s
            else "until the new container is ready, some seconds"
        )
        return Change(
            self.name, "replace", reason, f"{gap}: port {recorded.port} can't be shared; a free port has no gap"
        )

    def apply(self, ctx: DockerContext, wanted: ContainerRecord, recorded: ContainerRecord | None) -> ContainerRecord:
        """Adopt the fitting container that a killed run left, or that gave way to one that failed; else start one.

        The other containers of the deployment stay for `prune`, which the engine calls when the gate has decided:
        running where the ports allow it, and stopped where they do not.
        """
        expect_same_engine(ctx, wanted, recorded)
        earlier = ctx.put_back_of(ContainerRecord)
        if earlier is not None and earlier.adopted:
            return self._put_back(ctx, earlier)
        there = engine_of_record(ctx, recorded).container(recorded.id) if recorded else None
        changed = recorded is not None and there is not None and bool(observed(there, recorded))
        return self._place(ctx, wanted, recorded, unfit=recorded.id if recorded and changed else None)

    def _place(
        self, ctx: DockerContext, wanted: ContainerRecord, recorded: ContainerRecord | None, unfit: str | None
    ) -> ContainerRecord:
        deployment = ctx.deployment
        engine = engine_of_record(ctx, wanted)
        foreign = _foreign(engine, recorded)
        placement = Placement(ctx, engine, wanted, deployment.stop_timeout_s, deployment.gate_timeout_s, unfit, foreign)
        return placement.place(recorded.port if recorded else None)

    def _put_back(self, ctx: DockerContext, earlier: ContainerRecord) -> ContainerRecord:
        """Let the container of MLEM 0.4 serve again: what was to take its place makes way."""
        engine = engine_of_record(ctx, earlier)
        for item in engine.containers(ctx.lineage):
            found = engine.container(item["Id"])
            if found is not None and found["Name"].lstrip("/") == earlier.container_name:
                engine.rename(item["Id"], parked_name(earlier.container_name, item["Id"]))
            if found is not None and earlier.port in container.host_ports(found):
                engine.stop(item["Id"], ctx.deployment.stop_timeout_s)
        return adoption.put_back(engine, earlier)

    def check(self, ctx: DockerContext, wanted: ContainerRecord, recorded: ContainerRecord | None) -> None:
        """Look for what others have of the name and the port, unset variables, the network and the address."""
        engine = engine_of_record(ctx, wanted)
        name = wanted.container_name
        container.expect_ours(engine.container(name), name, ctx.lineage, adoption.known_id(recorded))
        container.settings(wanted, 1, ctx.lineage, ctx.name, "")
        container.url_of(engine.endpoint, wanted.bind_address, 1, wanted.address_host)
        surroundings.expect_network(engine, wanted.network)
        surroundings.expect_free_port(engine, wanted, ctx.lineage, known_id(recorded))

    def restart(self, ctx: DockerContext, recorded: ContainerRecord) -> ContainerRecord:
        """Put a new container of the same settings in the place of the one that serves.

        Start one that was taken over again as it is.

        Raises:
            ConflictError: It was made with ``--rm``: an Engine that starts such a one again now and then removes it,
                since the stop is told before all of it is done (moby, ``daemon/restart.go``, read 2026-11).
        """
        if recorded.adopted:
            engine = engine_of_record(ctx, recorded)
            found = engine.container(recorded.id)
            if found is not None and found["HostConfig"].get("AutoRemove"):
                raise ConflictError(
                    f"the container {recorded.container_name} goes when it stops (--rm)",
                    code="goes-when-stopped",
                    hint=f"mlem deployment run --load {ctx.name} puts one in its place that stays",
                )
            engine.restart(recorded.id, ctx.deployment.stop_timeout_s)
            return recorded
        wanted = recorded.limited_to(self.wanted(ctx).to_data())
        return self._place(ctx, wanted, recorded, unfit=recorded.id)

    def remove(self, ctx: DockerContext, recorded: ContainerRecord | None) -> None:
        """Stop and remove every container of this deployment, and the one that was taken over."""
        engine = engine_of_record(ctx, recorded)
        for id_ in self._ids(ctx, engine, recorded):
            self._remove(ctx, engine, id_)

    def prune(self, ctx: DockerContext, keep: Sequence[ContainerRecord]) -> None:
        """Remove every container of this deployment but the one that serves."""
        if not keep:
            return
        engine = engine_of_record(ctx, keep[0])
        for id_ in self._ids(ctx, engine, *keep):
            if id_ != keep[0].id:
                self._remove(ctx, engine, id_, heir=keep[0].id)

    def _ids(self, ctx: DockerContext, engine: Engine, *records: ContainerRecord | None) -> list[str]:
        """Return the ids of the containers that have our labels, and of those that are ours by the records alone."""
        foreign = [id_ for record in records if (id_ := _foreign(engine, record)) is not None]
        return [*dict.fromkeys([*(found["Id"] for found in engine.containers(ctx.lineage)), *foreign])]

    def _remove(self, ctx: DockerContext, engine: Engine, id_: str, heir: str | None = None) -> None:
        ctx.guard()
        found = engine.container(id_)
        if found is not None and found["State"].get("Status") in ("running", "restarting"):
            engine.stop(id_, ctx.deployment.stop_timeout_s)
        if heir is not None:
            previous_log.hand_over(engine, id_, heir)
        engine.remove_container(id_)


def _foreign(engine: Engine, recorded: ContainerRecord | None) -> str | None:
    """Return the id of the container of MLEM 0.4 of a record, or that its container replaced, while it exists."""
    id_ = known_id(recorded)
    return id_ if id_ and engine.container(id_) is not None else None
