"""States as files beside the declarations, locked by the kernel.

``<name>.mlem.state`` and ``<name>.mlem.state.lock``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from mlem.state.locks.owner import locked_by
from mlem.state.locks.request import LockRequest
from mlem.state.locks.session import Session
from mlem.state.manager import ABSENT, StateManager, Store, Versioned
from mlem.state.state import ERRORED, STATE_EXTENSION, LockInfo
from mlem.state.stored import read_state
from mlem_model.artifacts.mounts import network_mount
from mlem_model.errors import ConflictError, DeclarationError, LockedError
from mlem_model.objects.files import sync_folder, unusable, write_atomic

if TYPE_CHECKING:
    from filelock import BaseFileLock


class LocalStore(Store):
    """One file a state. Compare-and-swap holds among those who hold the kernel lock, which is everybody who writes.

    Args:
        root: The project's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, name: str) -> Path:
        """Return the file of a name."""
        return self.root / f"{name}{STATE_EXTENSION}"

    def where(self, name: str) -> str:
        """Return the file of a name, for messages."""
        return str(self.path(name))

    def read(self, name: str) -> Versioned | None:
        """Read a state's file; its version is a digest of its content."""
        path = self.path(name)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unusable(path, error, "read") from error
        return Versioned(data, hashlib.sha256(data).hexdigest())

    def write(self, name: str, data: bytes, expect: str) -> str:
        """Replace a state's file; see `Store.write`."""
        self._expect(name, expect)
        write_atomic(self.path(name), data)
        return hashlib.sha256(data).hexdigest()

    def delete(self, name: str, expect: str) -> None:
        """Delete a state's file; see `Store.delete`."""
        self._expect(name, expect)
        path = self.path(name)
        try:
            path.unlink(missing_ok=True)
            sync_folder(path.parent)
        except OSError as error:
            raise unusable(path, error, "delete") from error

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names of the states below the root, sorted."""
        for path in sorted(self.root.rglob(f"*{STATE_EXTENSION}")):
            if not path.is_file() or path.name.endswith(ERRORED):
                continue
            name = path.relative_to(self.root).as_posix().removesuffix(STATE_EXTENSION)
            if name.startswith(prefix):
                yield name

    def _expect(self, name: str, expect: str) -> None:
        current = self.read(name)
        if (current.version if current else ABSENT) != expect:
            raise ConflictError(
                f"{self.where(name)} was changed by somebody else since it was read", hint="look at it, then run again"
            )


def _file_lock(path: Path) -> BaseFileLock:
    """Return the lock of a state: the kernel's, or, where kernels do not tell each other, one made of files."""
    import filelock

    lock_path = path.with_name(path.name + ".lock")
    if network_mount(path.parent):
        return filelock.StrictSoftFileLock(lock_path.with_suffix(".softlock"), poll_interval=0.05)
    return filelock.FileLock(lock_path, fallback_to_soft=False, poll_interval=0.02)


def _break_claims(path: Path) -> None:
    """Take away what a holder on another machine left: only whoever gives the lock's id can know that it is dead."""
    import filelock

    file_lock = _file_lock(path)
    if isinstance(file_lock, filelock.StrictSoftFileLock):
        for claim in file_lock.claims:
            file_lock.force_break(claim.name)


class LocalStateManager(StateManager):
    """Files beside the declarations: for one machine, and for projects whose states are not shared.

    The lock is a kernel lock, held for the whole run: the kernel frees it when the holder dies, however it dies.
    """

    type: ClassVar[str] = "local"
    shared: ClassVar[bool] = False

    def store(self, root: Path) -> LocalStore:
        """Return the store below a project's folder."""
        return LocalStore(root)

    @contextmanager
    def session(self, request: LockRequest) -> Iterator[Session]:
        """Lock a state for as long as the context lasts; see `StateManager.session`."""
        import filelock

        store, name, lock = request.store, request.name, request.lock
        if not isinstance(store, LocalStore):
            raise TypeError(f"expected a LocalStore, got {store!r}")
        path = store.path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            kernel_lock = _file_lock(path)
            try:
                kernel_lock.acquire(timeout=0)
            except filelock.Timeout:
                request.tell(self._owner(store, name))
                kernel_lock.acquire(timeout=request.timeout_s)
        except filelock.Timeout as error:
            raise locked_by(name, self._owner(store, name)) from error
        except OSError as error:
            raise unusable(path, error, "lock") from error
        try:
            stored = request.read()
            held = stored.lock
            if held is not None and held.manual and held.id != lock.id:
                raise locked_by(name, held)
            session = Session(store, name, lock, stored)
            try:
                session.mark(request.initial)
                yield session
            finally:
                session.release()
        finally:
            kernel_lock.release()

    def release(self, store: Store, name: str, lock: LockInfo) -> None:
        """Take a lock out of a state; a holder that lives on this machine has to be ended first."""
        if isinstance(store, LocalStore) and not lock.manual and network_mount(store.path(name).parent):
            _break_claims(store.path(name))
        releasing = lock.model_copy(update={"operation": "release"})
        with self.session(LockRequest(store, name, releasing)) as session:
            session.free()

    def warning(self, store: Store, name: str) -> str:
        """Say so when the folder is on a network: a kernel lock there excludes nobody on other machines."""
        if not isinstance(store, LocalStore):
            return ""
        type_ = network_mount(store.path(name).parent)
        if type_ is None:
            return ""
        return (
            f"{store.root} is on a network ({type_}): locked by files, which stay when a machine dies; "
            "better share states: mlem config set core.state.uri"
        )

    def _owner(self, store: LocalStore, name: str) -> LockInfo | None:
        try:
            return read_state(store, name).lock
        except (DeclarationError, ConflictError, LockedError):
            return None
