"""Who holds a lock: how a process describes itself, and how another finds out that it is dead."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from mlem.state.state import LockInfo
from mlem_model.errors import LockedError


def new_lock(operation: str, *, id_: str | None = None, message: str = "", manual: bool = False) -> LockInfo:
    """Describe this process as the holder of a lock.

    Args:
        operation: What it is going to do: ``run``, ``remove``, ``hold``.
        id_: A name for the lock; a random one when not given.
        message: Why, for a lock taken by hand.
        manual: Whether the lock stays when the process ends.
    """
    return LockInfo(
        id=id_ or os.urandom(8).hex(),
        holder=user_and_host(),
        host=host_identity(),
        pid=os.getpid(),
        started=_started(os.getpid()) or 0,
        operation=operation,
        since=now(),
        message=message,
        manual=manual,
    )


def user_and_host() -> str:
    """Return who runs this process, and where: ``ada@build-7``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user id may have no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def host_identity() -> str:
    """Identify this machine, its boot and its process namespace: a pid says something only together with them."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    namespace = Path("/proc/self/ns/pid")
    words = [socket.gethostname(), boot.read_text().strip() if boot.exists() else "unknown-boot"]
    # Containers of one machine share the boot, and may share the name: only their namespaces tell their pids apart.
    return "/".join([*words, os.readlink(namespace)] if namespace.exists() else words)


def is_dead(lock: LockInfo) -> bool:
    """Say whether a holder is known to be dead.

    A process of this very machine and boot that does not exist any more.
    """
    if not lock.pid or lock.manual or "unknown-boot" in lock.host or lock.host != host_identity():
        return False
    started = _started(lock.pid)
    return started is None or (lock.started != 0 and started != lock.started)


def now() -> str:
    """Return the time as states record it: UTC, to the second. For people only: no decision depends on a clock."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def locked_by(name: str, holder: LockInfo | None) -> LockedError:
    """Make the error for a lock that somebody else holds."""
    if holder is None:
        return LockedError(
            f'deployment "{name}" is locked by another process',
            hint="wait until it is done, or give more time: --lock-timeout 600",
        )
    hint = (
        f"release it when its work is done: mlem deployment lock release {name} --id {holder.id}"
        if holder.manual
        else "wait, or give more time: --lock-timeout 600"
    )
    return LockedError(f'deployment "{name}" is locked: {holder.describe()}', hint=hint)


def _started(pid: int) -> int | None:
    """Return when a process started, in clock ticks since the boot; None when there is no such process, 0 when unknown.

    Source: proc_pid_stat(5), field 22; a zombie (state Z) does nothing any more.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else int(fields[19])
    except FileNotFoundError:
        pass
    except (OSError, ValueError, IndexError):
        return 0
    if Path("/proc/self/stat").exists():
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        return 0
    return 0
