"""What a container needs of its surroundings: a network that is there, a port that nobody else has."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mlem import NotFoundError, PlatformError
from mlem_provider_docker.containers.container import host_ports, url_of

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine
    from mlem_provider_docker.records import ContainerRecord

_ANY = ("0.0.0.0", "::", "")  # noqa: S104  # compared, not bound
_CONNECT_S = 1.0


def expect_network(engine: Engine, name: str | None) -> None:
    """Check that a network is there.

    Raises:
        NotFoundError: It is not.
    """
    if name is not None and not engine.has_network(name):
        raise NotFoundError(
            f'the Engine has no network "{name}"',
            code="network-not-found",
            hint=f"make it: docker network create {name}",
        )


def expect_free_port(engine: Engine, wanted: ContainerRecord, lineage: str, taken_over: str | None) -> None:
    """Check that nobody else has the port that is asked for.

    Args:
        engine: Where.
        wanted: What the container is to be.
        lineage: Whose containers may have it: they give way.
        taken_over: The id of a container that was taken over from MLEM 0.4, which gives way too.

    Raises:
        PlatformError: Another container publishes it, or something else listens there.
    """
    port = wanted.requested_port
    if port is None:
        return
    ours = {str(found["Id"]) for found in engine.containers(lineage)} | {taken_over}
    publishers = engine.publishers(port)
    if any(str(found["Id"]) in ours for found in publishers):
        return
    for found in publishers:
        addresses = [each.get("IP", "") for each in found["Ports"] if each.get("PublicPort") == port]
        if wanted.bind_address in _ANY or any(address in (*_ANY, wanted.bind_address) for address in addresses):
            raise _taken(wanted, f"by the container {str(found['Names'][0]).lstrip('/')}")
    held = any(port in host_ports(engine.container(id_) or {}) for id_ in ours if id_)
    if not held and engine.endpoint.remote_name is None and _answers(engine, wanted, port):
        raise _taken(wanted, "by a process")


def _answers(engine: Engine, wanted: ContainerRecord, port: int) -> bool:
    """Say whether something listens where clients would ask: it would answer them in the container's place."""
    address = urlsplit(url_of(engine.endpoint, wanted.bind_address, port, wanted.address_host))
    try:
        with socket.create_connection((str(address.hostname), port), _CONNECT_S):
            return True
    except OSError:
        return False


def _taken(wanted: ContainerRecord, by: str) -> PlatformError:
    return PlatformError(
        f"the port {wanted.requested_port} of {wanted.bind_address} is taken {by}",
        code="port-in-use",
        hint="choose another port: --port N, or leave it out for any free one",
    )
