"""`LockRequest`: who asks for the lock of which state, and what happens until it is free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mlem.state.manager import Store
from mlem.state.state import LockInfo, State
from mlem.state.stored import StoredState, read_state


def _wait_silently(_owner: LockInfo | None) -> None:
    """Tell nobody of a wait."""


def _accept(_state: State) -> None:
    """Take whatever state is there."""


@dataclass(frozen=True)
class LockRequest:
    """What a state manager needs to know to lock a state.

    Attributes:
        store: Where the state is.
        name: The deployment's name in its project.
        lock: Who asks.
        timeout_s: How long to wait for another owner of the lock.
        waiting: Called once when the wait begins, with the other owner where it is known.
        initial: What to write where there is no state yet; without it such a session has none, and locks nothing.
        check: Called with a state that is there before anything is written to it; raises when it is not to be touched.
    """

    store: Store
    name: str
    lock: LockInfo
    timeout_s: float = 0.0
    waiting: Callable[[LockInfo | None], None] = _wait_silently
    initial: State | None = None
    check: Callable[[State], None] = _accept

    def read(self) -> StoredState:
        """Read the state as it is now, and check it.

        Raises:
            MlemError: What the check raises, or the store.
        """
        stored = read_state(self.store, self.name)
        if stored.state is not None:
            self.check(stored.state)
        return stored

    def tell(self, owner: LockInfo | None) -> None:
        """Say that a wait begins, where there is time for one."""
        if self.timeout_s > 0:
            self.waiting(owner)
