"""`StoredState`: a state as a store has it, with the version that the next write expects."""

from __future__ import annotations

from dataclasses import dataclass

from mlem.state.manager import ABSENT, Store
from mlem.state.state import LockInfo, State


@dataclass(frozen=True)
class StoredState:
    """What a store has under a name.

    Attributes:
        state: The state; None where there is none.
        version: The version of what was read, `ABSENT` where there is nothing.
    """

    state: State | None
    version: str

    @property
    def lock(self) -> LockInfo | None:
        """Who has the lock; None where nobody has it."""
        return self.state.lock if self.state is not None else None


def read_state(store: Store, name: str) -> StoredState:
    """Read a deployment's state, without a lock.

    Args:
        store: Where it is.
        name: The deployment's name in its project.

    Raises:
        DeclarationError: What is there is not a state that this version can read.
        StateUnknownError: The store did not answer.
    """
    found = store.read(name)
    if found is None:
        return StoredState(None, ABSENT)
    return StoredState(State.from_bytes(found.data, store.where(name)), found.version)
