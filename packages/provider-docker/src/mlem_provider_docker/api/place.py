"""An Engine as a place: what tells it from every other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlem import Place, PlatformError


def place_of(info: Mapping[str, Any], host: str) -> Place:
    """Return an Engine as a place.

    Args:
        info: What it says of itself: ``ID``, ``Name``, ``DockerRootDir``.
        host: The address that it was asked under.
    """
    name, folder = str(info.get("Name") or "?"), str(info.get("DockerRootDir") or "?")
    # Podman answers with another ID each time. Source: containers/podman, pkg/api/handlers/compat/info.go (read
    # 2026-11)
    id_ = "podman" if folder.endswith("containers/storage") else str(info.get("ID") or "none")
    # Up to Engine 20.10 the ID is of a key in /etc/docker: two Engines on one machine have the same. Seen with
    # 20.10.24.
    return Place(id=f"{id_} {folder} {name}", words=f"the Docker Engine {name} at {host} (ID {id_}, data in {folder})")


def described(info: Mapping[str, Any], host: str) -> str:
    """Say which Engine this is, with its version.

    Args:
        info: What it says of itself; see `place_of`.
        host: The address that it was asked under.

    Raises:
        PlatformError: It runs containers of Windows.
    """
    if info.get("OSType") == "windows":
        raise PlatformError(
            f"the Docker Engine at {host} runs containers of Windows, and a model's is of Linux",
            code="windows-containers",
            hint="switch Docker Desktop to Linux containers, or name another Engine: --env.host",
        )
    return f"{place_of(info, host).words}, version {info.get('ServerVersion') or 'unknown'}"
