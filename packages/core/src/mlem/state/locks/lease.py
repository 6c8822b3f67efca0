"""The lease over any store: state and lock are one object, changed by compare-and-swap alone.

Whoever writes expects the version of its own last write, so a holder that was paused, cut off or believed dead loses
its next write: no clock of another machine is ever looked at.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mlem.state.backoff import backoff_s
from mlem.state.clock import Clock
from mlem.state.event import Event
from mlem.state.locks.owner import is_dead, locked_by
from mlem.state.locks.request import LockRequest
from mlem.state.locks.session import Session
from mlem.state.manager import Store
from mlem.state.state import LockInfo, State
from mlem.state.stored import StoredState, read_state
from mlem_model.errors import ConflictError, LockedError, MlemError

FIRST_POLL_S = 0.05
LONGEST_POLL_S = 1.0


class Lease(Session):
    """A session whose lock is in the state itself, and has to be renewed.

    Args:
        store: Where the state is.
        name: The deployment's name in its project.
        lock: Who holds it.
        stored: The state as read.
        clock: Counts the seconds since the last renewal.
    """

    def __init__(self, store: Store, name: str, lock: LockInfo, stored: StoredState, clock: Clock) -> None:
        from threading import RLock  # late: only what changes a shared state has a second thread

        super().__init__(store, name, lock, stored)
        self._clock = clock
        self._mutex = RLock()
        self._renewed = clock.monotonic()
        self._lost: LockedError | None = None
        self._open = False

    def acquire(self, state: State) -> None:
        """Write the lock into a state, expecting the version that was read.

        Raises:
            ConflictError: Somebody else was faster.
        """
        with self._mutex:
            self._write_alive(state)

    def renew(self) -> None:
        """Write a sign of life.

        Raises:
            LockedError: Somebody else took the lock over.
            StateUnknownError: The store does not answer.
        """
        with self._mutex:
            if self._open and self.state is not None:
                self._write(self.state, self.lock)

    def guard(self) -> None:
        """Check that the lock is still ours, before an action on a platform; renew it when it is about to expire.

        Raises:
            LockedError: Somebody else took the lock over.
            StateUnknownError: The store does not answer, and the lock may be somebody else's by now.
        """
        super().guard()
        with self._mutex:
            if self._lost is not None:
                raise self._lost
            if self._clock.monotonic() - self._renewed > self.lock.ttl_s * 5 / 6:
                self.renew()

    def erase(self) -> None:
        """Delete the state."""
        with self._mutex:
            try:
                super().erase()
            except ConflictError as error:
                raise self._lose() from error
            self._open = False

    def release(self) -> None:
        """Take the lock out of the state, unless somebody else has it.

        When the store does not answer, it expires by itself.
        """
        with self._mutex:
            try:
                if self._lost is None and (self._open or self._unheard is not None):
                    super().release()
            finally:
                self._open = False

    def append(self, event: Event) -> None:
        """Write an event into the history; see `Session.append`."""
        with self._mutex:
            super().append(event)

    def hold(self, state: State) -> None:
        """Write the lock into a state, to stay there after this session: it was taken by hand."""
        with self._mutex:
            self._write(state, self.lock)
            self._manual = self.lock

    def _write(self, state: State, lock: LockInfo | None) -> State:
        with self._mutex:
            if self._lost is not None:
                raise self._lost
            try:
                if lock is self.lock:
                    return self._write_alive(state)
                written = super()._write(_with_nonce(state), lock)
            except ConflictError as error:
                raise self._lose() from error
            self._open = False
            return written

    def _write_alive(self, state: State) -> State:
        """Write with the lock, which counts its writes: each is a sign of life."""
        begun = self._clock.monotonic()
        self.lock = self.lock.model_copy(update={"renewal": self.lock.renewal + 1})
        written = super()._write(_with_nonce(state), self.lock)
        # From before the request: others may count from the moment at which it landed.
        self._renewed, self._open = begun, True
        return written

    def _lose(self) -> LockedError:
        """Note that the lock is gone, and say to whom."""
        try:
            owner = read_state(self.store, self.name).lock
        except MlemError:
            owner = None
        taken = f"was taken over by {owner.describe()}" if owner else "was released, or taken over, by somebody else"
        self._open = False
        self._lost = LockedError(
            f'the lock of "{self.name}" {taken}',
            code="lock-lost",
            hint=f"what was done before that is on record: mlem deployment status {self.name}, then run again",
        )
        return self._lost


def _with_nonce(state: State) -> State:
    return state.model_copy(update={"nonce": os.urandom(8).hex()})


@dataclass(frozen=True)
class _Watch:
    """The version that a waiter saw, and since when on its own clock.

    Each sign of life of a holder makes another version.
    """

    version: str
    since: float


def acquire(request: LockRequest, clock: Clock | None = None) -> Lease:
    """Get the lease of a state.

    Args:
        request: Which state, for whom, and how long to wait.
        clock: Counts the seconds of the wait and of the lease.

    Raises:
        LockedError: Another owner did not finish in time, or the lock was taken by hand.
    """
    clock = clock or Clock()
    name, lock, begun = request.name, request.lock, clock.monotonic()
    watch: _Watch | None = None
    for attempt in itertools.count():
        stored = request.read()
        held = stored.lock
        lease = Lease(request.store, name, lock, stored, clock)
        wanted = stored.state or request.initial
        if wanted is None:
            return lease
        if held is not None and held.manual and held.id != lock.id:
            raise locked_by(name, held)
        if held is not None and (watch is None or watch.version != stored.version):
            first = watch is None
            watch = _Watch(stored.version, clock.monotonic())
            if first and not _is_free(held, lock, watch, clock):
                request.tell(held)
        if held is None or _is_free(held, lock, watch, clock):
            try:
                lease.acquire(wanted)
                return lease
            except ConflictError:
                held = None  # somebody was faster: look again
            except (KeyboardInterrupt, SystemExit):
                lease.release()  # it may have landed
                raise
        left = begun + request.timeout_s - clock.monotonic()
        if left <= 0:
            raise locked_by(name, held or stored.lock)
        longest_s = LONGEST_POLL_S if held is not None else LONGEST_POLL_S / 2
        clock.sleep(min(left, backoff_s(attempt, first_s=FIRST_POLL_S, longest_s=longest_s)))
    raise AssertionError("unreachable")


def _is_free(held: LockInfo, lock: LockInfo, watch: _Watch | None, clock: Clock) -> bool:
    """Say whether a lock in a state may be taken: held for us by hand, or by somebody who is dead."""
    if held.manual and held.id == lock.id and held.operation == "hold":
        return True
    if is_dead(held.model_copy(update={"manual": False})):
        return True
    return watch is not None and clock.monotonic() - watch.since > held.ttl_s


@contextmanager
def leased(request: LockRequest) -> Iterator[Lease]:
    """Hold the lease of a state for as long as the context lasts, and renew it from a thread; see `acquire`."""
    from threading import Event, Thread  # late: only what changes a shared state has a second thread

    lease = acquire(request)
    ended = Event()

    def renew() -> None:
        while not ended.wait(request.lock.ttl_s / 3):
            try:
                lease.renew()
            except LockedError:
                return  # the run finds out by its next guard or write
            except MlemError:
                continue  # the store may answer next time; the guard knows how old the last renewal is

    if lease.state is not None:
        Thread(target=renew, name=f"mlem-lease-{request.name}", daemon=True).start()
    try:
        yield lease
    finally:
        ended.set()
        lease.release()


def break_lease(store: Store, name: str, lock: LockInfo) -> None:
    """Take a lock out of a state, whoever holds it; see `mlem.state.manager.StateManager.release`."""
    stored = read_state(store, name)
    state = stored.state
    if state is None or state.lock is None:
        return
    if state.lock.id != lock.id:
        raise ConflictError(
            f'the lock of "{name}" is another one by now: {state.lock.describe()}',
            code="other-lock",
            hint=f"mlem deployment lock show {name}",
        )
    store.write(name, _with_nonce(state.model_copy(update={"lock": None})).to_bytes(), stored.version)
