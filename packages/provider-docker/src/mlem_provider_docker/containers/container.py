"""Containers of a deployment: their settings, names, ports and states."""

from __future__ import annotations

import hashlib
import json
import os
import random
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mlem import DeclarationError, Phase, Status, UserError
from mlem.provider import PROTECTION, passed_tokens
from mlem_image import DEPLOYMENT_LABEL, LINEAGE_LABEL, MODEL_LABEL
from mlem_provider_docker.images.image import owner
from mlem_provider_docker.ownership import MADE_FROM_LABEL, is_our_container
from mlem_provider_docker.records import ContainerRecord

if TYPE_CHECKING:
    from mlem_provider_docker.api.endpoint import EngineEndpoint

CONFIG_LABEL = "mlem.config"
IN_PLACE = "in place"
"""The situation of a container that is as it was left."""

_FREE_PORTS = range(20000, 32768)
"""Where free ports are looked for: below the ports that Linux gives to outgoing connections, so that one stays free
while its container restarts. Source: https://docs.kernel.org/networking/ip-sysctl.html, ip_local_port_range (read
2026-11)."""
_FILE_LOGS = ("json-file", "local")
"""Logging drivers that keep files beside the Engine, the first without a bound. Source:
https://docs.docker.com/engine/logging/drivers/json-file/ and local/, their options max-size and max-file (read
2026-11)."""
_LOG_FILES = 3
_OURS = ("image", "name", "environment", "labels", "ports", "detach", "auto_remove", "remove")


def config_digest(wanted: ContainerRecord) -> str:
    """Return the label by which a container is recognised as the wanted one."""
    # what protects the server follows from its variables, but for the tokens of this command, which are compared with
    # the container's
    content = {
        key: value for key, value in wanted.to_data().items() if key not in ("situation", "address_host", *PROTECTION)
    }
    content |= {"engine": None}  # an Engine has more than one address
    if content.get("gpus") is None:
        content.pop("gpus", None)  # containers from before there was such a field are recognised
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:32]


def settings(
    wanted: ContainerRecord, host_port: int, lineage: str, deployment: str, image_id: str, logging: str = ""
) -> dict[str, Any]:
    """Return what the SDK's ``containers.create`` takes.

    Args:
        wanted: The step's wanted record.
        host_port: The port on the Engine's machine.
        lineage: Whose container it is.
        deployment: The deployment's name.
        image_id: The image that it is made from.
        logging: The Engine's logging driver.

    Raises:
        UserError: A run argument has an option of its own, or a variable to pass on is not set.
    """
    own = next((key for key in wanted.run_arguments if key in _OURS), None)
    if own is not None:
        raise DeclarationError(
            f"run_arguments.{own}: this belongs to the deployment", hint="mlem types deployment docker_container"
        )
    container_port = wanted.container_port
    found: dict[str, Any] = {
        "environment": {
            **wanted.environment,
            **_passed(wanted.pass_environment),
            **passed_tokens(wanted),
            "PORT": str(container_port),
        },
        "labels": {
            **wanted.labels,
            LINEAGE_LABEL: lineage,
            MADE_FROM_LABEL: image_id,
            DEPLOYMENT_LABEL: deployment,
            MODEL_LABEL: wanted.model_hash,
            CONFIG_LABEL: config_digest(wanted),
        },
        "ports": {f"{container_port}/tcp": (wanted.bind_address, host_port)},
        "restart_policy": {"Name": wanted.restart_policy},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
    }
    if wanted.memory_mib:
        # without swap: a model that swaps is worse than one that says that it needs more
        found["mem_limit"] = found["memswap_limit"] = wanted.memory_mib * 2**20
    if wanted.cpus:
        found["nano_cpus"] = round(wanted.cpus * 1e9)
    if wanted.gpus:
        found["device_requests"] = [_gpus(wanted.gpus)]
    if wanted.network:
        found["network"] = wanted.network
    if wanted.volumes:
        found["volumes"] = wanted.volumes
    if wanted.read_only:
        found["read_only"] = True
        found["tmpfs"] = {"/tmp": ""}  # noqa: S108  # the path in the container
    if wanted.log_max_mib and logging in _FILE_LOGS:
        file_kib = wanted.log_max_mib * 1024 // _LOG_FILES
        found["log_config"] = {"type": logging, "config": {"max-size": f"{file_kib}k", "max-file": str(_LOG_FILES)}}
    if wanted.platform:
        found["platform"] = wanted.platform
    return {**found, **wanted.run_arguments}


def _gpus(wanted: str) -> dict[str, Any]:
    """Return what the Engine takes for ``--gpus``.

    Source: https://docs.docker.com/reference/api/engine/version/v1.47/, ``DeviceRequest`` (read 2026-11).
    """
    kind = {"capabilities": [["gpu"]]}
    if wanted.startswith("device="):
        return {**kind, "device_ids": wanted.removeprefix("device=").split(",")}
    return {**kind, "count": -1 if wanted == "all" else int(wanted)}


def _passed(names: list[str]) -> dict[str, str]:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise UserError(
            f"{', '.join(missing)}: to be passed to the container, and not set here",
            code="variable-not-set",
            hint=f"export {missing[0]}=..., then repeat the command",
        )
    return {name: os.environ[name] for name in names}


def expect_ours(found: Mapping[str, Any] | None, name: str, lineage: str, adopted: str | None = None) -> None:
    """Refuse to take the name of a stranger's container.

    Args:
        found: The container that has the name.
        name: The name.
        lineage: Ours.
        adopted: The id of a container that was taken over, and has no label of ours.

    Raises:
        ConflictError: It is somebody else's; the message says whose.
    """
    if found is None or found["Id"] == adopted:
        return
    labels = found["Config"].get("Labels") or {}
    made = is_our_container(labels, str(found.get("Image")))
    what = f"the container {name} ({found['Id'][:12]}, image {found['Config'].get('Image')})"
    owner(labels, made=made).expect(lineage, what, "choose another name: --container_name NAME")


def published_port(found: Mapping[str, Any], container_port: int) -> int | None:
    """Return the host port that an inspected container has, or asks for while it is stopped."""
    key = f"{container_port}/tcp"
    for ports in (found.get("NetworkSettings", {}).get("Ports"), found.get("HostConfig", {}).get("PortBindings")):
        for binding in (ports or {}).get(key) or []:
            if str(binding.get("HostPort") or "").isdigit():
                return int(binding["HostPort"])
    return None


def host_ports(found: Mapping[str, Any]) -> set[int]:
    """Return every host port that an inspected container has, or asks for while it is stopped."""
    return {
        int(binding["HostPort"])
        for ports in (found.get("NetworkSettings", {}).get("Ports"), found.get("HostConfig", {}).get("PortBindings"))
        for bindings in (ports or {}).values()
        for binding in bindings or []
        if str(binding.get("HostPort") or "").isdigit()
    }


def free_ports(seed: str, before: int | None) -> Iterator[int]:
    """Yield ports to try: the one used before, then others in an order that belongs to the deployment."""
    if before is not None:
        yield before
    yield from random.Random(seed).sample(_FREE_PORTS, 20)  # noqa: S311  # no secret


def url_of(endpoint: EngineEndpoint, bind_address: str, port: int, address_host: str | None = None) -> str:
    """Return the address that a published port has from here.

    Args:
        endpoint: The Engine's address.
        bind_address: The address on its machine that the port is published on.
        port: The port.
        address_host: The host that clients are to use, where it is declared.

    Raises:
        UserError: The port is on another machine's loopback.
    """
    remote = endpoint.remote_name
    if address_host:
        return f"http://{f'[{address_host}]' if ':' in address_host else address_host}:{port}"
    if remote is not None:
        if bind_address in ("127.0.0.1", "::1", "localhost"):
            raise UserError(
                f"the Engine is on {remote}, and {bind_address} there can't be reached from here",
                code="unreachable-address",
                hint="publish it: --bind_address 0.0.0.0, or an address of that machine",
            )
        host = remote if bind_address in ("0.0.0.0", "::") else bind_address  # noqa: S104  # compared, not bound
    else:
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind_address, bind_address)  # noqa: S104  # compared, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def drift(found: Mapping[str, Any], record: ContainerRecord) -> str:
    """Say in what a container differs from its record; `IN_PLACE` when in nothing."""
    state = found["State"]
    if state.get("Paused"):
        return "paused"
    if not state.get("Running"):
        return str(state.get("Status") or "stopped")
    if found["Name"].lstrip("/") != record.container_name:
        return f"renamed to {found['Name'].lstrip('/')}"
    port = published_port(found, record.container_port)
    return IN_PLACE if port == record.port else f"on port {port}"


def status(found: Mapping[str, Any] | None, record: ContainerRecord) -> Status:
    """Say what a container is doing, as far as the Engine knows.

    STARTING while it runs: only the server knows whether it is ready.
    """
    name = record.container_name
    if found is None:
        return Status(Phase.CRASHED, f"the container {name} is gone")
    state = found["State"]
    restarts = found.get("RestartCount", 0)
    if state.get("Restarting") or (restarts and not state.get("Running")):
        return Status(Phase.CRASHED, f"the container {name} crashes again and again: {_exit(state, found)}")
    if state.get("Paused"):
        return Status(Phase.STOPPED, f"the container {name} is paused: docker unpause {name}")
    if state.get("Running"):
        return Status(Phase.STARTING)
    if state.get("Status") == "created" or (state.get("ExitCode") == 0 and not state.get("OOMKilled")):
        return Status(Phase.STOPPED, f"the container {name} is stopped")
    return Status(Phase.CRASHED, f"the container {name} ended: {_exit(state, found)}")


def _exit(state: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    code = state.get("ExitCode")
    memory_bytes = found.get("HostConfig", {}).get("Memory") or 0
    if state.get("OOMKilled") or (code == 137 and memory_bytes):
        limit = (
            f"its limit is {memory_bytes // 2**20} MiB, raise it: --memory_mib"
            if memory_bytes
            else "the machine has too little"
        )
        return f"out of memory (exit code {code}); {limit}"
    if code == 137:
        return "killed (exit code 137): by hand, or because the machine ran out of memory"
    return f"exit code {code}" + (f": {state['Error']}" if state.get("Error") else "")
