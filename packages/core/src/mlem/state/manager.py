"""`StateManager` and `Store`: what keeps states and locks, and the one primitive that it has to offer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from mlem_model.legacy.fields import Lost, Translation
from mlem_model.objects.object import MlemObject

if TYPE_CHECKING:
    from mlem.state.locks.request import LockRequest
    from mlem.state.locks.session import Session
    from mlem.state.state import LockInfo


@dataclass(frozen=True)
class Versioned:
    """A value and the version under which a store keeps it.

    Attributes:
        data: The bytes.
        version: Opaque; never the same for two writes.
    """

    data: bytes
    version: str


ABSENT: Final = ""
"""The version of a name that is not there: expect it to create."""


class Store(ABC):
    """A register for each name, changed only by compare-and-swap.

    Names are posix paths without extension, for example ``apps/iris``.
    """

    @abstractmethod
    def where(self, name: str) -> str:
        """Return the file or URL of a name, for messages."""

    @abstractmethod
    def read(self, name: str) -> Versioned | None:
        """Read the newest value; None when there is none.

        Raises:
            StateUnknownError: The store did not answer.
        """

    @abstractmethod
    def write(self, name: str, data: bytes, expect: str) -> str:
        """Replace the value if it is still at a version.

        Args:
            name: The name.
            data: The new value.
            expect: The version that was read, or `ABSENT`.

        Returns:
            The new version.

        Raises:
            ConflictError: The name is at another version.
            StateUnknownError: The write may or may not have landed.
        """

    @abstractmethod
    def delete(self, name: str, expect: str) -> None:
        """Delete the value if it is still at a version.

        Raises:
            ConflictError: The name is at another version.
            StateUnknownError: The deletion may or may not have landed.
        """

    def discard(self, name: str) -> None:
        """Delete a name with all that the store keeps about it: one that nobody else knows, so without a condition.

        Raises:
            StateUnknownError: The deletion may or may not have landed.
        """
        found = self.read(name)
        if found is not None:
            self.delete(name, found.version)

    @abstractmethod
    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with a prefix, sorted."""

    def errored(self, name: str) -> Path | None:
        """Return the file that keeps a state which could not be written; None where writes do not get lost."""
        return None


class StateManager(MlemObject, ABC):
    """Keeps states and locks: local files, any fsspec URL, S3.

    Its fields are the options ``--state_manager.<field>`` and the configuration ``core.state.<field>``.

    Attributes:
        type: The word that users type: ``s3``.
        shared: Whether other machines may write to it: then a project needs an id.
    """

    object_type: ClassVar[str] = "state_manager"
    shared: ClassVar[bool] = True

    @classmethod
    def translate_04(cls, fields: Mapping[str, Any], source: str, prefix: str = "") -> Translation:
        """See `MlemObject.translate_04`: every run locks, and how long it waits is a setting of the project."""
        lost = []
        if fields.get("locking", True) is not True:
            lost.append(Lost("locking", "every run locks the state"))
        if fields.get("lock_timeout", 600) != 600:
            todo = f"mlem config set core.state.lock_timeout_s {fields['lock_timeout']}"
            lost.append(Lost("lock_timeout", "how long a run waits for the lock is a setting of the project", todo))
        return Translation(
            {key: value for key, value in fields.items() if key not in ("locking", "lock_timeout")}, tuple(lost)
        )

    @abstractmethod
    def store(self, root: Path) -> Store:
        """Return the store for a project.

        Args:
            root: The project's folder, or the declaration's where there is no project.
        """

    @abstractmethod
    def session(self, request: LockRequest) -> AbstractContextManager[Session]:
        """Lock a deployment's state for as long as the context lasts.

        Args:
            request: Which state of a store that `store` returned, for whom, and how long to wait.

        Raises:
            LockedError: Another owner of the lock did not finish in time.
        """

    @abstractmethod
    def release(self, store: Store, name: str, lock: LockInfo) -> None:
        """Take a lock out of a state, whoever holds it: its holder loses its next write.

        Args:
            store: What `store` returned.
            name: The deployment's name in its project.
            lock: The lock as it was read.

        Raises:
            ConflictError: The state was changed meanwhile.
            LockedError: The holder lives, and can't be made to let go.
        """

    def read_04(self, root: Path, name: str) -> bytes | None:
        """Return the state that MLEM 0.4 kept for a name; None when there is none.

        There is none where both versions use one file.

        MLEM 0.4 kept states at ``<uri>/.mlem.state/<name>``, without an extension: nothing here would ever meet them.

        Args:
            root: The project's folder.
            name: The deployment's name in its project.
        """
        return None

    def set_aside_04(self, root: Path, name: str) -> str:
        """Rename the state that `read_04` returned, so that no version takes it for one any more.

        Return where it is now.
        """
        raise NotImplementedError

    def warning(self, store: Store, name: str) -> str:
        """Return what every run has to say about this store, in one line; empty when it is safe."""
        return ""
