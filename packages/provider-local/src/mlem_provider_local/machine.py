"""This machine as a place: processes of another machine, or of another container here, can't be seen from it."""

from __future__ import annotations

from pathlib import Path

from mlem import Place
from mlem.provider import host_identity

_MACHINE_ID = Path("/etc/machine-id")
"""Source: machine-id(5): set once, when the system is installed; images of containers often have none."""
_FIRST_NAMESPACE = "pid:[4026531836]"
"""The process namespace that a machine starts with. Source: Linux, include/uapi/linux/nsfs.h, PID_NS_INIT_INO (read
2026-11)."""


def here() -> Place:
    """Return this machine."""
    name, boot, namespace = _parts(host_identity())
    try:
        machine = _MACHINE_ID.read_text().strip()
    except OSError:
        machine = ""
    inside = f", process namespace {namespace}" if namespace not in ("", _FIRST_NAMESPACE) else ""
    return Place(
        id="/".join([name, boot, namespace, machine]),
        words=f"the machine {name}{f' ({machine[:8]})' if machine else ''}{inside}",
    )


def is_same(one: Place, other: Place) -> bool:
    """Say whether two places are the same machine, or the same container.

    It may have got another name, or have been restarted in the meantime.
    """
    name, boot, namespace, machine = _parts(one.id, 4)
    name_, boot_, namespace_, machine_ = _parts(other.id, 4)
    if (namespace, machine) != (namespace_, machine_):
        return False
    same_boot = boot == boot_ != "unknown-boot"
    # Machines that were copied share their id, but hardly the name.
    return name == name_ or (same_boot and bool(machine))


def _parts(identity: str, count: int = 3) -> list[str]:
    parts = identity.split("/")
    return [*parts, *[""] * count][:count]
