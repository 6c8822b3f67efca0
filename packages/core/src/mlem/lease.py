"""A `Session`: the exclusive right to change one deployment's state, and the fenced writes that come with it."""

from __future__ import annotations

import getpass
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from mlem.errors import ConflictError, LockedError
from mlem.state import LockInfo, State
from mlem.state_manager import ABSENT, Store


def new_lock(operation: str, *, id_: str | None = None, message: str = "", manual: bool = False) -> LockInfo:
    """Describe this process as the holder of a lock.

    Args:
        operation: What it is going to do: ``run``, ``remove``, ``hold``.
        id_: A name for the lock; a random one when not given.
        message: Why, for a lock taken by hand.
        manual: Whether the lock stays when the process ends.
    """
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user id may have no name
        user = str(os.getuid())
    return LockInfo(
        id=id_ or os.urandom(8).hex(),
        holder=f"{user}@{socket.gethostname()}",
        host=host_identity(),
        pid=os.getpid(),
        operation=operation,
        since=now(),
        message=message,
        manual=manual,
    )


def host_identity() -> str:
    """Identify this machine and its boot: a pid says something only together with it."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    return f"{socket.gethostname()}/{boot.read_text().strip() if boot.exists() else 'unknown-boot'}"


def now() -> str:
    """Return the time as states record it: UTC, to the second. For people only: no decision depends on a clock."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def locked_by(name: str, holder: LockInfo | None) -> LockedError:
    """Make the error for a lock that somebody else holds."""
    if holder is None:
        return LockedError(
            f'deployment "{name}" is locked by another process', hint="wait until it is done, or give more time: --lock-timeout 600"
        )
    hint = (
        f"release it when its work is done: mlem deployment lock release {name} --id {holder.id}"
        if holder.manual
        else "wait, or give more time: --lock-timeout 600"
    )
    return LockedError(f'deployment "{name}" is locked: {holder.describe()}', hint=hint)


class Session:
    """Writes of one holder: each expects the version of the one before, so whoever lost the lock loses the next write.

    Args:
        store: Where the state is.
        name: The deployment's name in its project.
        lock: Who holds it.
        state: The state as read; None when there is none.
        version: The version of what was read.

    Attributes:
        state: The state as it stands, None when there is none.
    """

    def __init__(self, store: Store, name: str, lock: LockInfo, state: State | None, version: str) -> None:
        self.store = store
        self.name = name
        self.lock = lock
        self.state = state
        self._version = version
        held = state.lock if state is not None else None
        self._manual = held if held is not None and held.manual else None

    def save(self, state: State) -> State:
        """Write a new state under the lock.

        Args:
            state: The new state; its serial is set here.

        Raises:
            ConflictError: The state is of another lineage, or was changed by somebody else.
        """
        if self.state is not None and state.lineage != self.state.lineage:
            raise ConflictError(
                f"{self.store.where(self.name)}: the state there is of another deployment (lineage {self.state.lineage})",
                code="other-lineage",
            )
        serial = 0 if self.state is None else self.state.serial
        return self._write(state.model_copy(update={"serial": serial + 1, "lock": self.lock}))

    def guard(self) -> None:
        """Check that the lock is still ours, before an action on a platform."""

    def erase(self) -> None:
        """Delete the state."""
        if self.state is not None:
            self.store.delete(self.name, self._version)
            self.state, self._version = None, ABSENT

    def mark(self) -> None:
        """Write the holder into a state that exists, so that others see who works on it."""
        if self.state is not None:
            self._write(self.state.model_copy(update={"lock": self.lock}))

    def hold(self, state: State) -> None:
        """Write the lock into a state, to stay there after this session: it was taken by hand."""
        self._manual = self.lock
        self._write(state.model_copy(update={"lock": self.lock}))

    def free(self) -> None:
        """Forget a lock that was taken by hand; it goes when the session ends."""
        self._manual = None

    def release(self) -> None:
        """Take the holder out of the state.

        A state without records stays too: its lineage finds what an interrupted first step may have made.
        """
        if self.state is not None and self.state.lock != self._manual:
            self._write(self.state.model_copy(update={"lock": self._manual}))

    def _write(self, state: State) -> State:
        self._version = self.store.write(self.name, state.to_bytes(), self._version)
        self.state = state
        return state
