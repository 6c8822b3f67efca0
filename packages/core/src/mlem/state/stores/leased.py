"""`LeasedStateManager`: the base of every state manager whose store has compare-and-swap."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import ConfigDict, Field

from mlem.state.manager import StateManager, Store
from mlem_model.objects.fields import Unit

if TYPE_CHECKING:
    from mlem.state.locks.request import LockRequest
    from mlem.state.locks.session import Session
    from mlem.state.state import LockInfo


class LeasedStateManager(StateManager):
    """A store with compare-and-swap, and the lease over it: a subclass brings the store alone."""

    # Looking a type up imports every manager: what is not used is not built.
    model_config = ConfigDict(defer_build=True)

    uri: str = Field(description="folder or bucket for states, for example s3://bucket/path")
    ttl_s: Annotated[float, Field(ge=1, le=86400), Unit("s")] = Field(
        default=60.0, description="a holder that gives no sign of life for this long counts as dead"
    )
    settle_timeout_s: Annotated[float, Field(gt=0, le=3600), Unit("s")] = Field(
        default=30.0, description="time to find out whether a write landed that got no answer; at most half of ttl_s"
    )
    unsafe: bool = Field(default=False, description="use a store that can't exclude two writers; every run says so")

    @abstractmethod
    def open_store(self, root: Path) -> Store:
        """Return the store itself: each request is made once, and its failures are told.

        Args:
            root: The project's folder.
        """

    @property
    def conflicts_are_final(self) -> bool:
        """Whether a refusal by the store is for the first time of asking.

        Not so where a client, or a proxy on the way, may have repeated a request: then it may be refused because it has
        landed, and is looked into before it is believed.
        """
        return False

    def variants(self) -> list[Self]:
        """Return the ways in which servers of this kind differ, the most common first.

        The probe finds out which one is right.
        """
        return [self]

    def store(self, root: Path) -> Store:
        """Return the store for a project, which settles writes whose outcome is unknown."""
        from mlem.state.stores.retrying import RetryingStore

        return RetryingStore(
            self.open_store(root),
            root,
            deadline_s=min(self.settle_timeout_s, self.ttl_s / 2),
            conflicts_are_final=self.conflicts_are_final,
        )

    def session(self, request: LockRequest) -> AbstractContextManager[Session]:
        """Hold the lease of a state for as long as the context lasts; see `StateManager.session`."""
        from mlem.state.locks.lease import leased

        return leased(replace(request, lock=request.lock.model_copy(update={"ttl_s": self.ttl_s})))

    def release(self, store: Store, name: str, lock: LockInfo) -> None:
        """Take a lock out of a state, whoever holds it; see `StateManager.release`."""
        from mlem.state.locks.lease import break_lease

        break_lease(store, name, lock)

    def warning(self, store: Store, name: str) -> str:
        """Return a warning when the store was accepted although it is not safe."""
        return (
            f"{store.where(name)}: this store can't exclude two writers (core.state.unsafe is set)"
            if self.unsafe
            else ""
        )
