"""Containers that MLEM 0.4 made, taken over: they have no labels of ours, and are known by the id on record alone.

The record of such a container says that it is adopted. It is found, stopped and removed by its id. MLEM 0.4 let the
Engine delete a container when it stops (``rm``): where another is to have its port, it is not stopped but taken off its
networks until the gate has decided.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlem import ConflictError, NotFoundError
from mlem.provider import BY_04, Adopted, FieldReader
from mlem_provider_docker.containers import container, drift
from mlem_provider_docker.ownership import is_our_container
from mlem_provider_docker.records import ContainerRecord

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine

_ID = re.compile(r"[0-9a-f]{64}")


def words(old: Mapping[str, Any]) -> str:
    """Say which container a state of MLEM 0.4 has on record; empty when none."""
    id_ = old.get("container_id")
    return f"the container {old.get('container_name') or 'without a name'} ({str(id_)[:12]})" if id_ else ""


def adopt(engine: Engine, where: str | None, old: Mapping[str, Any], by: str = BY_04) -> Adopted:
    """Take over a container that is not ours.

    Args:
        engine: Where it is looked for.
        where: The same as a record has it.
        old: What a state of MLEM 0.4 has on record, or the same of a container that a person points to.
        by: Who made it.

    Raises:
        DeclarationError: What is on record is not the id of a container.
        NotFoundError: The Engine does not have it.
        ConflictError: It belongs to a deployment already.
    """
    id_ = str(old["container_id"])
    if not _ID.fullmatch(id_):  # a name, or the beginning of an id, may be somebody else's by now
        raise FieldReader("the state").fail(
            "container_id", f"expected the 64 hex digits of a container's id, got {id_[:80]!r}"
        )
    found = engine.container(id_)
    if found is None or found["Id"] != id_:
        raise NotFoundError(
            f"{words(old)} is not on {engine.place().words}",
            code="container-not-found",
            hint="go to the Engine that has it (DOCKER_HOST, or the env's host), then mlem migrate again; "
            "if it is gone for good,"
            " move the state's file away, and run the deployment",
        )
    if is_our_container(found["Config"].get("Labels"), str(found.get("Image"))):
        raise ConflictError(f"{words(old)} belongs to a deployment of this version already", code="not-ours")
    record = record_of(engine, where, found, old.get("model_hash"), by)
    fields = {"container_name": record.container_name, "port": record.port} if by != BY_04 else {}
    given = {key: value for key, value in fields.items() if value is not None}
    return Adopted(words(old), [record], fields=given, notes=(*_notes(found, old),))


def record_of(engine: Engine, where: str | None, found: Mapping[str, Any], model_hash: Any, by: str) -> ContainerRecord:
    """Return the record of an inspected container that is not ours.

    What a run compares with, and what finds it again.
    """
    made = drift.as_made(found)
    bind_address, port, container_port = _published(found)
    return ContainerRecord(
        model_hash=str(model_hash or "unknown"),
        image=str(found["Config"].get("Image")),
        container_name=str(found["Name"]).lstrip("/"),
        requested_port=port,
        bind_address=bind_address,
        address_host=None,
        container_port=container_port,
        environment={},
        pass_environment=[],
        labels={},
        memory_mib=made.memory_mib,
        cpus=made.cpus,
        restart_policy=made.restart_policy,
        network=None,
        volumes=[],
        read_only=False,
        log_max_mib=None,
        run_arguments={},
        platform=None,
        engine=where,
        situation=container.IN_PLACE,
        id=str(found["Id"]),
        port=port,
        url=container.url_of(engine.endpoint, bind_address, port)
        if port and _reachable(engine, bind_address)
        else None,
        as_made=made,
        start_s=None,
        adopted=by,
    )


def _notes(found: Mapping[str, Any], old: Mapping[str, Any]) -> list[str]:
    notes = []
    bindings = (found.get("HostConfig") or {}).get("PortBindings") or {}
    if not bindings:
        notes.append("it publishes no port, so that nobody can ask it; the next run's container does")
    elif len(bindings) > 1:
        notes.append(f"it publishes {len(bindings)} ports, and a deployment has one here")
    built = (old.get("image") or {}).get("image_id") if isinstance(old.get("image"), Mapping) else None
    if built and str(built) != found.get("Image"):
        notes.append("it runs another image than the one that was built last: a run of MLEM 0.4 was not finished")
    return notes


def _published(found: Mapping[str, Any]) -> tuple[str, int | None, int]:
    """Return address, host port and container port of the first TCP port that a container publishes."""
    for ports in (
        (found.get("NetworkSettings") or {}).get("Ports"),
        (found.get("HostConfig") or {}).get("PortBindings"),
    ):
        for key, bindings in sorted((ports or {}).items()):
            inner, _, protocol = key.partition("/")
            for binding in bindings or []:
                if protocol == "tcp" and inner.isdigit() and str(binding.get("HostPort") or "").isdigit():
                    return binding.get("HostIp") or "0.0.0.0", int(binding["HostPort"]), int(inner)  # noqa: S104  # as the Engine means it
    return "0.0.0.0", None, 8080  # noqa: S104  # what MLEM 0.4 bound


def _reachable(engine: Engine, bind_address: str) -> bool:
    return engine.endpoint.remote_name is None or bind_address not in ("127.0.0.1", "::1", "localhost")


def known_id(recorded: ContainerRecord | None) -> str | None:
    """Return the id of the adopted container that a record is of, or that its container took the place of."""
    if recorded is None:
        return None
    found = recorded.id if recorded.adopted else recorded.replaces
    return found if found and _ID.fullmatch(found) else None


def step_aside(engine: Engine, found: Mapping[str, Any]) -> None:
    """Let an adopted container give up its port without being stopped: the Engine may delete what stops."""
    for network in (found.get("NetworkSettings") or {}).get("Networks") or {}:
        engine.leave_network(str(found["Id"]), network)


def put_back(engine: Engine, earlier: ContainerRecord) -> ContainerRecord:
    """Let an adopted container serve again that a newer one was to take the place of, which is out of its way by now.

    Raises:
        NotFoundError: The Engine has deleted it.
    """
    id_, name = earlier.id, earlier.container_name
    found = engine.container(id_)
    if found is None:
        raise NotFoundError(
            f"the container of MLEM 0.4 ({id_[:12]}) is gone",
            code="container-not-found",
            hint=f"its image may be there still, to be started by hand: docker run -d --name {name} {earlier.image}",
        )
    if found["Name"].lstrip("/") != name:
        engine.rename(id_, name)
    for network in (earlier.as_made.network or "").split(" and ") if earlier.as_made else ():
        if network not in ((found.get("NetworkSettings") or {}).get("Networks") or {}) and network != "disconnected":
            engine.join_network(id_, network)
    if found["State"].get("Paused"):
        engine.unpause(id_)
    elif not found["State"].get("Running"):
        engine.start(id_, name)
    return earlier.changed(situation=container.IN_PLACE)
