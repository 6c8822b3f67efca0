"""A `Session`: the exclusive right to change one deployment's state, and the fenced writes that come with it."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from mlem.state.event import Event
from mlem.state.manager import ABSENT, Store
from mlem.state.state import LockInfo, State
from mlem.state.stored import StoredState
from mlem_model.errors import ConflictError, MlemError, StateUnknownError
from mlem_model.interrupts import raise_pending
from mlem_model.objects.files import write_atomic

_log = logging.getLogger(__name__)


class Session:
    """Writes of one holder: each expects the version of the one before, so whoever lost the lock loses the next write.

    Args:
        store: Where the state is.
        name: The deployment's name in its project.
        lock: Who holds it.
        stored: The state as read.

    Attributes:
        state: The state as it stands, None when there is none.
    """

    def __init__(self, store: Store, name: str, lock: LockInfo, stored: StoredState) -> None:
        self.store = store
        self.name = name
        self.state = stored.state
        held = stored.lock
        if self.state is not None and held is not None and not held.manual and held.id != lock.id:
            self.state = self.state.with_event(_taken_over(self.state, lock, held))
        self._manual = held if held is not None and held.manual else None
        # A run under a lock that was taken by hand may die like any other: the lock has to outlive it.
        self.lock = (
            lock if self._manual is None else lock.model_copy(update={"manual": True, "message": self._manual.message})
        )
        self._version = stored.version
        self._unheard: tuple[State | None] | None = None

    @property
    def current(self) -> State:
        """The state, which this session is about to change.

        Raises:
            ConflictError: There is none any more.
        """
        if self.state is None:
            raise ConflictError(f"the state of {self.name} is gone")
        return self.state

    def save(self, state: State) -> State:
        """Write a new state under the lock.

        Args:
            state: The new state; its serial is set here.

        Raises:
            ConflictError: The state is of another lineage, or was changed by somebody else.
            LockedError: Somebody else took the lock over.
            StateUnknownError: The store does not answer; the state is kept in a file, to be pushed.
        """
        return self._save(state, self.lock)

    def finish(self, state: State) -> State:
        """Write the last state and leave the lock with the same write; see `save`."""
        return self._save(state, self._manual)

    def append(self, event: Event) -> None:
        """Write an event into the history of a state that a failure, or an interrupt, has left as it is.

        The write before may have been interrupted: whether it landed is found out first.
        """
        self._catch_up()
        if self.state is not None:
            self.save(self.state.with_event(event))

    def guard(self) -> None:
        """Check that the lock is still ours, and that nobody wants to stop, before an action on a platform."""
        raise_pending()

    def erase(self) -> None:
        """Delete the state."""
        if self.state is not None:
            with self._hearing(None):
                self.store.delete(self.name, self._version)
                self.state, self._version = None, ABSENT
            self._overtake()

    def mark(self, initial: State | None = None) -> None:
        """Write the holder into the state, so that others see who works on it.

        Args:
            initial: What to write where there is no state yet.
        """
        state = self.state or initial
        if state is not None:
            self._write(state, self.lock)

    def hold(self, state: State) -> None:
        """Write the lock into a state, to stay there after this session: it was taken by hand."""
        self._manual = self.lock
        self._write(state, self.lock)

    def free(self) -> None:
        """Forget a lock that was taken by hand; it goes when the session ends."""
        self._manual = None

    def release(self) -> None:
        """Take the holder out of the state, unless the store refuses: a lock whose holder is dead goes by itself.

        A state without records stays too: its lineage finds what an interrupted first step may have made.
        """
        try:
            self._catch_up()
            if self.state is not None and self.state.lock != self._manual:
                self._write(self.state, self._manual)
        except MlemError as error:  # nothing is lost with the lock, and it must not hide how the run ended
            _log.debug("the lock was not released: %s", error)

    def _save(self, state: State, lock: LockInfo | None) -> State:
        if self.state is not None and state.lineage != self.state.lineage:
            raise ConflictError(
                f"{self.store.where(self.name)}: the state there is of another deployment "
                f"(lineage {self.state.lineage})",
                code="other-lineage",
            )
        serial = 0 if self.state is None else self.state.serial
        written = state.model_copy(update={"serial": serial + 1})
        try:
            saved = self._write(written, lock)
        except StateUnknownError as error:
            raise self._kept(written, error) from error
        self._overtake()
        return saved

    def _overtake(self) -> None:
        """Delete a state that was kept when the store did not answer: what was written now is newer."""
        kept = self.store.errored(self.name)
        if kept is not None:
            with contextlib.suppress(OSError):
                kept.unlink(missing_ok=True)

    def _write(self, state: State, lock: LockInfo | None) -> State:
        written = state.model_copy(update={"lock": lock, "written_by": core_version()})
        with self._hearing(written):
            self._version = self.store.write(self.name, written.to_bytes(), self._version)
            self.state = written
        return written

    @contextmanager
    def _hearing(self, state: State | None) -> Iterator[None]:
        """Remember what is written, None when it is deleted, until its outcome is known.

        An interrupt may come in between.
        """
        self._unheard = (state,)
        try:
            yield
        except MlemError:
            self._unheard = None
            raise
        self._unheard = None

    def _catch_up(self) -> None:
        """Find out whether a write that was interrupted has landed: the release comes after it."""
        if self._unheard is None:
            return
        (state,), self._unheard = self._unheard, None
        found = self.store.read(self.name)
        if (found.data if found else None) == (state.to_bytes() if state else None):
            self.state, self._version = state, found.version if found else ABSENT

    def _kept(self, state: State, error: StateUnknownError) -> StateUnknownError:
        """Keep a state that could not be written where it can be pushed from."""
        path = self.store.errored(self.name)
        if path is None:
            return error
        try:
            write_atomic(
                path, state.model_copy(update={"lock": None, "written_by": core_version()}).to_bytes(), mode=0o600
            )
        except MlemError as full:
            return StateUnknownError(
                f"{error.message}\nthe state could not be kept here either: {full.message}",
                hint="when the store answers again, repeat the command: what was made is found by its marks",
                code=error.code,
            )
        return StateUnknownError(
            f"{error.message}\nthe state is kept in {path}",
            hint=f"when the store answers again: mlem deployment state push {self.name}",
            code=error.code,
        )


def _taken_over(state: State, lock: LockInfo, held: LockInfo) -> Event:
    words = f"the lock of {held.describe()}"
    release = state.served.number if state.served else None
    return Event(at=lock.since, what="take over", by=lock.holder, release=release, words=words)


@functools.cache
def core_version() -> str:
    """Return the version of mlem-core: a state says which one can read it."""
    from importlib.metadata import version

    return version("mlem-core")
