"""`StateManagerSuite`: what every state manager does, also one that does not lock by a lease."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from mlem.state.locks.owner import new_lock
from mlem.state.locks.request import LockRequest
from mlem.state.manager import StateManager, Store
from mlem.state.state import LockInfo, State
from mlem.state.stored import read_state
from mlem.testing.stores.fixtures import LINEAGE, StateManagerFixtures
from mlem_model.errors import ConflictError, LockedError


class StateManagerSuite(StateManagerFixtures):
    """Locks: also for state managers that do not lock by a lease."""

    def lock(self, operation: str = "run", **fields: Any) -> LockInfo:
        """Describe a holder; by default one that is alive on another machine."""
        return new_lock(operation).model_copy(update={"host": "far/boot/pid:[1]", **fields})

    def state(self) -> State:
        """Return a new state."""
        return State(type="fake", lineage=LINEAGE)

    def stored(self, store: Store, name: str = "iris") -> State | None:
        """Read the state as others see it."""
        return read_state(store, name).state

    def test_a_session_writes_steps_and_leaves_no_lock(self, managed: StateManager, store: Store) -> None:
        """Each save is written at once; the lock goes with the session.

        When it fails: write the state in `Session.save`, and take the lock out at the end.
        """
        with managed.session(LockRequest(store, "iris", self.lock(), initial=self.state())) as session:
            assert session.state is not None
            session.save(session.state.with_record("image", {"id": "i"}))
            session.guard()
            session.save(session.state.with_record("server", {"id": "s"}))
        state = self.stored(store)
        assert state is not None
        assert (state.lineage, state.serial, state.lock) == (LINEAGE, 2, None)
        assert state.records == {"image": {"id": "i"}, "server": {"id": "s"}}

    def test_the_holder_is_seen_by_others(self, managed: StateManager, store: Store) -> None:
        """Who has the lock, since when and for what is in the state.

        When it fails: write the request's lock into the state when it is taken.
        """
        lock = self.lock("rollback")
        with managed.session(LockRequest(store, "iris", lock, initial=self.state())):
            state = self.stored(store)
            assert state is not None
            assert state.lock is not None
            assert (state.lock.id, state.lock.holder, state.lock.operation) == (lock.id, lock.holder, "rollback")

    def test_a_second_session_is_refused_with_the_holders_name(self, managed: StateManager, store: Store) -> None:
        """Exit code 5 and who it is; other names are free.

        When it fails: raise a `LockedError` with the lock on record; lock each name for itself.
        """
        lock = self.lock()
        with managed.session(LockRequest(store, "iris", lock, initial=self.state())):
            with (
                pytest.raises(LockedError, match=lock.id) as caught,
                managed.session(LockRequest(store, "iris", self.lock())),
            ):
                pass
            assert caught.value.exit_code == 5
            with managed.session(LockRequest(store, "other", self.lock(), initial=self.state())):
                pass

    def test_an_error_inside_leaves_no_lock(self, managed: StateManager, store: Store) -> None:
        """What fails in a session releases it.

        When it fails: release the lock in ``finally``.
        """
        with (
            pytest.raises(ZeroDivisionError),
            managed.session(LockRequest(store, "iris", self.lock(), initial=self.state())),
        ):
            raise ZeroDivisionError
        state = self.stored(store)
        assert state is not None
        assert state.lock is None

    @pytest.mark.parametrize("operation", ["save", "finish", "erase"])
    def test_an_interrupt_right_after_a_write_landed_leaves_no_lock(
        self, managed: StateManager, store: Store, monkeypatch: pytest.MonkeyPatch, operation: str
    ) -> None:
        """Ctrl-C between a write and what is noted of it.

        When it fails: read the state again before the lock is released: the last write may have landed.
        """
        method = "delete" if operation == "erase" else "write"
        done = getattr(store, method)

        def interrupted(*arguments: Any) -> None:
            monkeypatch.setattr(store, method, done)
            done(*arguments)
            raise KeyboardInterrupt

        def run() -> None:
            with managed.session(LockRequest(store, "iris", self.lock(), initial=self.state())) as session:
                assert session.state is not None
                state = session.state.with_record("image", {"id": "i"})
                monkeypatch.setattr(store, method, interrupted)
                session.erase() if operation == "erase" else getattr(session, operation)(state)

        with pytest.raises(KeyboardInterrupt):
            run()
        left = self.stored(store)
        assert (left and (left.lock, left.records)) == (
            None if operation == "erase" else (None, {"image": {"id": "i"}})
        )

    def test_the_last_write_may_leave_the_lock_with_it(self, managed: StateManager, store: Store) -> None:
        """`finish` writes the state and releases the lock in one move.

        When it fails: write the state without its lock in `Session.finish`.
        """
        with managed.session(LockRequest(store, "iris", self.lock(), initial=self.state())) as session:
            assert session.state is not None
            session.finish(session.state.with_record("image", {"id": "i"}))
            state = self.stored(store)
            assert state is not None
            assert (state.lock, state.records) == (None, {"image": {"id": "i"}})

    def test_another_lineage_is_refused(self, managed: StateManager, store: Store) -> None:
        """A state stands for one deployment, from its first write on.

        When it fails: compare the lineages in `Session.save`, as `mlem.provider.LeasedStateManager` does.
        """
        with (
            managed.session(LockRequest(store, "iris", self.lock(), initial=self.state())) as session,
            pytest.raises(ConflictError, match="another deployment"),
        ):
            session.save(State(type="fake", lineage="b" * 32))

    def test_erasing_leaves_nothing_and_a_new_lineage_may_come(self, managed: StateManager, store: Store) -> None:
        """After `erase` the name is free.

        When it fails: delete the value in `Session.erase`, with a condition.
        """
        with managed.session(LockRequest(store, "iris", self.lock(), initial=self.state())) as session:
            session.erase()
        assert (self.stored(store), list(store.names())) == (None, [])
        other = State(type="fake", lineage="b" * 32)
        with managed.session(LockRequest(store, "iris", self.lock(), initial=other)) as session:
            assert session.state is not None
            assert session.state.lineage == "b" * 32

    def test_without_a_state_nothing_is_made(self, managed: StateManager, store: Store) -> None:
        """A session on what is not there leaves nothing.

        When it fails: write nothing before there is a state to write, or take it away at the end.
        """
        with managed.session(LockRequest(store, "iris", self.lock())) as session:
            assert session.state is None
        assert list(store.names()) == []

    def test_a_lock_taken_by_hand_stays_until_it_is_released(self, managed: StateManager, store: Store) -> None:
        """It outlives its session, and whoever has its id may go on.

        When it fails: keep a lock with ``manual``; compare ids before it is refused; `release` takes it out.
        """
        hand = self.lock("hold", manual=True, message="audit", id="ci-7")
        with managed.session(LockRequest(store, "iris", hand, initial=self.state())) as session:
            assert session.state is not None
            session.hold(session.state)
        with (
            pytest.raises(LockedError, match="audit"),
            managed.session(LockRequest(store, "iris", self.lock(), timeout_s=30)),
        ):
            pass
        with managed.session(LockRequest(store, "iris", self.lock(id="ci-7"))):
            pass
        state = self.stored(store)
        assert state is not None
        assert state.lock is not None
        assert (state.lock.id, state.lock.message, state.lock.manual) == ("ci-7", "audit", True)
        managed.release(store, "iris", state.lock)
        with managed.session(LockRequest(store, "iris", self.lock())):
            pass

    def test_a_killed_holder_of_this_machine_is_followed_at_once(
        self, managed: StateManager, store: Store, tmp_path: Path
    ) -> None:
        """Nobody waits for a process that is dead.

        When it fails: look whether the holder's process lives when it is of this machine, as
        `mlem.provider.host_identity` tells.
        """
        if not self.processes:
            pytest.skip("no other process sees this store")
        worker = self.worker(managed, tmp_path, mode="hold", name="iris", worker="w")
        assert worker.stdout is not None
        assert worker.stdout.readline() == "holding\n"
        with pytest.raises(LockedError), managed.session(LockRequest(store, "iris", self.lock())):
            pass
        worker.send_signal(signal.SIGKILL)
        worker.communicate(timeout=60)
        with managed.session(LockRequest(store, "iris", self.lock(), timeout_s=10)) as session:
            assert session.state is not None
            assert session.state.records == {"held": {"by": "w"}}

    def test_a_waiter_gets_the_lock_when_the_other_process_is_done(
        self, managed: StateManager, store: Store, tmp_path: Path
    ) -> None:
        """Whoever waits is told for whom, and goes on at once.

        When it fails: call the request's ``waiting`` with the holder, and look again in short pauses.
        """
        if not self.processes:
            pytest.skip("no other process sees this store")
        worker = self.worker(managed, tmp_path, mode="hold", name="iris", worker="w")
        assert worker.stdout is not None
        assert worker.stdout.readline() == "holding\n"
        seen: list[str] = []

        def waiting(holder: LockInfo | None) -> None:
            seen.append(holder.operation if holder else "")
            assert worker.stdin is not None
            worker.stdin.write("\n")
            worker.stdin.close()

        with managed.session(LockRequest(store, "iris", self.lock(), timeout_s=60, waiting=waiting)):
            assert seen == ["test"]
        assert worker.wait(60) == 0
        worker.stdout.close()

    def test_processes_take_turns_and_no_update_gets_lost(
        self, managed: StateManager, store: Store, tmp_path: Path
    ) -> None:
        """Three processes count: nobody overwrites another.

        When it fails: every write under the lock has a condition, too.
        """
        if not self.processes:
            pytest.skip("no other process sees this store")
        workers = [
            self.worker(managed, tmp_path, mode="count", name="iris", times=5, worker=f"w{number}")
            for number in range(3)
        ]
        reports = self.finished(workers)
        state = self.stored(store)
        assert state is not None
        assert state.records == {"count": {"total": 15, "by": {"w0": 5, "w1": 5, "w2": 5}}}
        assert [(report["done"], report["doubtful"]) for report in reports] == [(5, 0)] * 3
