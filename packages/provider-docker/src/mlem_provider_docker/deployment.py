"""A deployment as a container on a Docker Engine."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import BeforeValidator, Field, field_validator

from mlem import Context, Deployment, NotFoundError, Phase, Place, Status, Step
from mlem.provider import BY_OTHERS, Adopted, Candidate, Translation, Unit, check_labels, served_by_others
from mlem_image import BuildOptions
from mlem_provider_docker.records import ContainerRecord, ImageRecord
from mlem_provider_docker.steps.engine import engine_of_record

if TYPE_CHECKING:
    from mlem import Client, State, Streams
    from mlem_provider_docker.api.sdk import Engine
    from mlem_provider_docker.env import DockerEnv

    DockerContext: TypeAlias = Context["DockerContainer", DockerEnv]

_PROBE_TIMEOUT_S = 2.0
_NAME = r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$"
_GPUS = r"^(all|[1-9][0-9]{0,3}|device=[a-zA-Z0-9_:-]+(,[a-zA-Z0-9_:-]+)*)$"


def _as_text(value: Any) -> Any:
    """Take the number of YAML for the text of the command line."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class DockerContainer(BuildOptions, Deployment):
    """A container on a Docker Engine, made from an image that is built of the model."""

    type: ClassVar[str] = "docker_container"
    env_type: ClassVar[str] = "docker"
    capabilities: ClassVar[frozenset[str]] = frozenset(
        {"address", "adopt", "exec", "logs", "previous-logs", "promote", "recover", "restart", "rollback"}
    )

    container_name: str | None = Field(
        default=None, pattern=_NAME, description="name of the container (default: the deployment's name)"
    )
    image_name: str | None = Field(
        default=None, description="name of the images, without tag (default: mlem-<the deployment's name>)"
    )
    image_tag: str | None = Field(
        default=None,
        description="one more tag that moves to the newest image (default: none; every image has a tag of its content)",
    )
    port: Annotated[int, Field(ge=1, le=65535)] | None = Field(
        default=None,
        description="port on the Engine's machine (default: any free one; a replacement gets another, "
        "so that there is no gap)",
    )
    bind_address: str = Field(
        default="127.0.0.1",
        description="address on the Engine's machine that the port is published on; 0.0.0.0 lets other machines in",
    )
    container_port: Annotated[int, Field(ge=1024, le=65535)] = Field(
        default=8080, description="port in the container, which the server learns from $PORT"
    )
    environment: dict[str, str] = Field(
        default={},
        description="variables of the container; for secrets see pass_environment; tokens come from this command's "
        "MLEM_SERVER_TOKENS",
    )
    pass_environment: list[str] = Field(
        default=[],
        description="names of variables that the container gets with their values here; "
        "the values reach no file of mlem",
    )
    labels: dict[str, str] = Field(default={}, description="further labels of the container")
    memory_mib: Annotated[int, Field(ge=6), Unit("MiB")] | None = Field(
        default=None, description="memory limit, without swap (default: none)"
    )
    cpus: Annotated[float, Field(gt=0), Unit("CPUs")] | None = Field(
        default=None, description="CPU limit, for example 1.5 (default: none)"
    )
    gpus: Annotated[str, BeforeValidator(_as_text), Field(pattern=_GPUS)] | None = Field(
        default=None, description="GPUs of the Engine's machine: all, how many, or which, as device=0,1 (default: none)"
    )
    restart_policy: Literal["no", "on-failure", "always", "unless-stopped"] = Field(
        default="unless-stopped", description="when the Engine restarts the container by itself"
    )
    address_host: str | None = Field(
        default=None,
        pattern=r"^[a-zA-Z0-9._:-]+$",
        description="name or address under which clients reach the published port "
        "(default: that of the Engine's machine, or this one); "
        "for a command that runs in a container beside those of the Engine: host.docker.internal",
    )
    log_max_mib: Annotated[int, Field(ge=1), Unit("MiB")] | None = Field(
        default=30,
        description="what the Engine keeps of the container's log, the newest, in three files; null keeps all",
    )
    network: str | None = Field(default=None, description="network to join (default: the Engine's bridge)")
    volumes: list[str] = Field(
        default=[], description="volumes and folders to mount, as SOURCE:TARGET or SOURCE:TARGET:ro"
    )
    read_only: bool = Field(default=False, description="mount the container's root read-only, with a /tmp in memory")
    run_arguments: dict[str, Any] = Field(
        default={},
        description="further arguments of containers.create in the docker SDK for Python, for example shm_size 1g",
    )
    stop_timeout_s: Annotated[float, Field(ge=1, le=3600), Unit("s")] = Field(
        default=30.0, description="how long the server may take to finish what is in flight before it is killed"
    )

    @classmethod
    def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
        """See `MlemObject.translate_04`: ``image``, ``ports``, ``params``, ``server``, ``rm``, ``args``."""
        from mlem_provider_docker.legacy import translate_deployment

        return translate_deployment(fields, source, prefix)

    @classmethod
    def with_paths(cls, values: Mapping[str, Any], moved: Callable[[str], str]) -> dict[str, Any]:
        """See `Value.with_paths`: the folders of volumes are paths too."""
        found = super().with_paths(values, moved)
        if isinstance(values.get("volumes"), list):
            found["volumes"] = [_moved(str(volume), moved) for volume in values["volumes"]]
        return found

    @field_validator("volumes")
    @classmethod
    def _check_volumes(cls, volumes: list[str]) -> list[str]:
        for volume in volumes:
            if not re.fullmatch(r".+:/[^:]*(:(ro|rw|z|Z)(,\w+)*)?", volume):
                raise ValueError(f'expected SOURCE:/TARGET or SOURCE:/TARGET:ro, got "{volume}"')
        return volumes

    @field_validator("labels")
    @classmethod
    def _check_labels(cls, labels: dict[str, str]) -> dict[str, str]:
        check_labels(labels)
        return labels

    @field_validator("network")
    @classmethod
    def _check_network(cls, network: str | None) -> str | None:
        if network == "host" or (network or "").startswith("container:") or network == "none":
            raise ValueError(f'a port can\'t be published in the network "{network}": name a bridge or overlay network')
        return network

    def words_04(self, old: Mapping[str, Any]) -> str:
        """See `Deployment.words_04`."""
        from mlem_provider_docker.containers.adoption import words

        return words(old)

    def adopt_04(self, ctx: DockerContext, old: Mapping[str, Any]) -> Adopted:
        """See `Deployment.adopt_04`: the container with the id on record."""
        from mlem_provider_docker.containers.adoption import adopt

        return adopt(engine_of_record(ctx, None), ctx.env.where, old)

    def candidates(self, ctx: DockerContext, id_: str | None) -> Sequence[Candidate]:
        """See `Deployment.candidates`: containers, by name or id; without one those with this deployment's label."""
        from mlem_provider_docker.containers.unrecorded import candidates

        return candidates(engine_of_record(ctx, None), ctx.name, id_)

    def adopt(self, ctx: DockerContext, id_: str) -> Adopted:
        """See `Deployment.adopt`: a container, which is known by its id alone from now on."""
        from mlem_provider_docker.containers.adoption import adopt
        from mlem_provider_docker.containers.unrecorded import found_by_hand

        engine = engine_of_record(ctx, None)
        return adopt(engine, ctx.env.where, found_by_hand(engine, id_), BY_OTHERS)

    def steps(self, ctx: DockerContext) -> Sequence[Step[DockerContainer, DockerEnv, Any]]:
        """Return the image, then the container."""
        from mlem_provider_docker.steps.container import ContainerStep
        from mlem_provider_docker.steps.image import ImageStep

        return [ImageStep(), ContainerStep()]

    def place(self, ctx: DockerContext) -> Place | None:
        """Return the Engine on record, else the env's."""
        record = ctx.record_of(ContainerRecord) or ctx.record_of(ImageRecord)
        return engine_of_record(ctx, record).place()

    def is_same_place(self, ctx: DockerContext, recorded: Place, here: Place) -> bool:
        """See `Deployment.is_same_place`.

        An Engine's machine may get another name, and a copy of it has the same ID under another one.
        """
        if recorded.id.rpartition(" ")[0] != here.id.rpartition(" ")[0]:
            return False
        record = ctx.record_of(ContainerRecord)
        return recorded.id == here.id or (
            record is not None and engine_of_record(ctx, record).container(record.id) is not None
        )

    def status(self, ctx: DockerContext, state: State) -> Status:
        """Inspect the container, then ask the server whether it is ready."""
        from mlem.provider import adopted_responds, ready
        from mlem_provider_docker.containers import container

        record = state.record_of(ContainerRecord)
        if record is None:
            return Status(Phase.STOPPED, "no container was started")
        found = engine_of_record(ctx, record).container(record.id)
        seen = container.status(found, record)
        if seen.phase is not Phase.STARTING or found is None:
            return seen
        drift = container.drift(found, record)
        if drift.startswith("on port"):
            return Status(Phase.UNKNOWN, f"the container is {drift}: run again to put it on record")
        direct = not record.address_host
        if record.adopted:
            is_ready, reason = adopted_responds(record.adopted, record.url, _PROBE_TIMEOUT_S, direct=direct)
        else:
            is_ready, reason = ready(str(record.url), _PROBE_TIMEOUT_S, direct=direct)
        if is_ready and reason:
            return Status(Phase.RUNNING, reason)
        if is_ready:
            return Status(Phase.RUNNING)
        restarts = found.get("RestartCount", 0)
        if restarts:
            times = "once" if restarts == 1 else f"{restarts} times"
            return Status(Phase.CRASHED, f"the server ended {times}, and the Engine started it again")
        if Path("/.dockerenv").exists() and "//127.0.0.1:" in str(record.url):
            reason += "; this command runs in a container itself: --address_host host.docker.internal"
        return Status(Phase.STARTING, reason)

    def address(self, ctx: DockerContext, state: State) -> str | None:
        """Return the published address."""
        record = state.record_of(ContainerRecord)
        return record.url if record else None

    def client(self, ctx: DockerContext, state: State) -> Client:
        """Return an HTTP client."""
        from mlem.provider import HttpClient

        record = state.record_of(ContainerRecord)
        if record is not None and record.adopted:
            raise served_by_others(ctx.name, record.adopted)
        if record is None or record.url is None:
            raise NotFoundError(
                f'"{ctx.name}" has no container', code="not-deployed", hint=f"mlem deployment run --load {ctx.name}"
            )
        return HttpClient(url=record.url, direct=not record.address_host)

    def logs(self, ctx: DockerContext, state: State, *, follow: bool, tail: int | None) -> Iterator[str]:
        """Yield what the container wrote; following ends when it stops."""
        found = self._container(ctx, state)
        if found is not None:
            engine, container = found
            yield from engine.logs(container["Id"], follow=follow, tail=tail)

    def previous_logs(self, ctx: DockerContext, state: State) -> Iterator[str]:
        """Yield what the container wrote before its last start, or the last of what the one before it wrote."""
        from mlem_provider_docker.containers.previous_log import previous_lines

        found = self._container(ctx, state)
        if found is None:
            raise NotFoundError("no container was started", code="no-previous-log")
        return previous_lines(*found)

    def exec(self, ctx: DockerContext, state: State, command: Sequence[str], streams: Streams) -> int:
        """Run a command in the container, as the server's user."""
        from mlem_provider_docker.api.commands import run_command

        found = self._container(ctx, state)
        if found is None or not found[1]["State"].get("Running"):
            raise NotFoundError(
                f'the container of "{ctx.name}" does not run',
                code="not-running",
                hint=f"mlem deployment status {ctx.name}",
            )
        return run_command(found[0], found[1]["Id"], command, streams)

    def _container(self, ctx: DockerContext, state: State) -> tuple[Engine, dict[str, Any]] | None:
        """Return the container, inspected, and where it is; None where none was made.

        Raises:
            NotFoundError: It is gone.
        """
        record = state.record_of(ContainerRecord) or state.record_of(ImageRecord)
        if record is None:
            return None
        engine = engine_of_record(ctx, record)
        id_ = (record.id if isinstance(record, ContainerRecord) else None) or next(
            (found["Id"] for found in engine.containers(ctx.lineage)), None
        )
        found = engine.container(id_) if id_ is not None else None
        if found is None:
            raise NotFoundError(
                f'the container of "{ctx.name}" is gone, and its logs with it',
                code="container-not-found",
                hint=f"mlem deployment run --load {ctx.name}",
            )
        return engine, found


def _moved(volume: str, moved: Callable[[str], str]) -> str:
    """Return a volume with its folder as seen from elsewhere; a name of a volume has no folder."""
    source, separator, rest = volume.partition(":")
    if not source.startswith("."):
        return volume
    path = moved(source)
    return f"{path if path.startswith(('.', '/')) else f'./{path}'}{separator}{rest}"
