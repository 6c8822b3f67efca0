"""`StoreSuite` and `StateManagerSuite`: what every state manager does; a stranger's joins with a class and one method."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlem.state.lock_owner import new_lock
from mlem.state.manager import ABSENT, StateManager, Store
from mlem.state.state import LockInfo, State
from mlem.testing.between import Rival, interrupted_at, lines_of
from mlem_model.errors import ConflictError, LockedError

NAMES = ["iris", "apps/iris", "apps/deep/er/iris", "größe", "苗/模型", "with space", "a+b=c&d", "x.y-z_1"]
LINEAGE = "a" * 32


class StateManagerFixtures(ABC):
    """What a state manager says about itself for the suites; a test class inherits from a suite and fills this in."""

    processes: ClassVar[bool] = True
    """Whether other processes see what this one writes."""

    @abstractmethod
    def manager(self, tmp_path: Path) -> StateManager:
        """Return a state manager over an empty place; the same one each time within a test."""

    def environment(self) -> Mapping[str, str]:
        """Return environment variables for other processes."""
        return {}

    @pytest.fixture
    def managed(self, tmp_path: Path) -> StateManager:
        """The state manager."""
        return self.manager(tmp_path)

    @pytest.fixture
    def store(self, managed: StateManager, tmp_path: Path) -> Store:
        """Its store."""
        return managed.store(tmp_path)

    def worker(self, managed: StateManager, root: Path, **task: Any) -> subprocess.Popen[str]:
        """Start another process that works on the store; see `mlem.testing.history_worker`."""
        cls = type(managed)
        full = {"manager": f"{cls.__module__}:{cls.__qualname__}", "fields": managed.to_data(), "root": str(root), **task}
        return subprocess.Popen(  # noqa: S603  # our own module
            [sys.executable, "-m", "mlem.testing.history_worker", json.dumps(full)],
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment()},
        )

    def finished(self, workers: Sequence[subprocess.Popen[str]]) -> list[dict[str, Any]]:
        """Wait for workers and return what they report."""
        reports = []
        for worker in workers:
            output, _ = worker.communicate(timeout=300)
            assert worker.returncode == 0, output
            reports.append(json.loads(output.splitlines()[-1]))
        return reports


def winners(store: Store, versions: Sequence[str]) -> list[int]:
    """Let eight writers at once loose on each of some names that are at these versions; return how many were accepted for each."""

    def write(number: int) -> bool:
        try:
            store.write(f"race-{number // 8}", str(number).encode(), versions[number // 8])
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(write, range(8 * len(versions))))
    return [sum(won[start : start + 8]) for start in range(0, len(won), 8)]


class StoreSuite(StateManagerFixtures):
    """The register: what is above relies on nothing else.

    Example::

        class TestStore(StoreSuite):
            def manager(self, tmp_path):
                return RedisStateManager(uri="redis://...")
    """

    def test_what_is_not_there_is_absent(self, store: Store) -> None:
        assert store.read("iris") is None
        assert list(store.names()) == []
        with pytest.raises(ConflictError):
            store.write("iris", b"x", "no-such-version")

    def test_what_is_written_is_read_with_its_version(self, store: Store) -> None:
        version = store.write("iris", b"one", ABSENT)
        found = store.read("iris")
        assert found is not None
        assert (found.data, found.version) == (b"one", version)

    def test_creating_needs_absence(self, store: Store) -> None:
        store.write("iris", b"one", ABSENT)
        with pytest.raises(ConflictError):
            store.write("iris", b"two", ABSENT)
        found = store.read("iris")
        assert found is not None
        assert found.data == b"one"

    def test_a_swap_needs_the_newest_version(self, store: Store) -> None:
        first = store.write("iris", b"one", ABSENT)
        second = store.write("iris", b"two", first)
        assert second != first
        with pytest.raises(ConflictError):
            store.write("iris", b"late", first)
        assert store.write("iris", b"three", second) not in (first, second)

    def test_deleting_needs_the_newest_version_and_is_once(self, store: Store) -> None:
        first = store.write("iris", b"one", ABSENT)
        second = store.write("iris", b"two", first)
        with pytest.raises(ConflictError):
            store.delete("iris", first)
        store.delete("iris", second)
        assert (store.read("iris"), list(store.names())) == (None, [])
        with pytest.raises(ConflictError):
            store.write("iris", b"late", second)
        assert store.write("iris", b"again", ABSENT) not in (first, second)

    def test_a_value_may_be_large(self, store: Store) -> None:
        data = os.urandom(500_000)
        version = store.write("iris", data, ABSENT)
        found = store.read("iris")
        assert found is not None
        assert (found.data == data, found.version) == (True, version)

    @pytest.mark.parametrize("name", NAMES)
    def test_names_may_be_nested_and_of_any_alphabet(self, store: Store, name: str) -> None:
        version = store.write(name, name.encode(), ABSENT)
        found = store.read(name)
        assert found is not None
        assert (found.data, list(store.names())) == (name.encode(), [name])
        store.delete(name, version)
        assert list(store.names()) == []

    def test_a_thousand_names_are_listed_sorted_and_by_prefix(self, store: Store) -> None:
        names = sorted(f"apps/{number % 10}/{number:04d}" for number in range(1000))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: store.write(name, b"x", ABSENT), names))
        assert list(store.names()) == names
        assert list(store.names("apps/3/")) == [name for name in names if name.startswith("apps/3/")]

    def test_of_many_creators_at_once_one_wins(self, store: Store) -> None:
        assert winners(store, [ABSENT] * 10) == [1] * 10

    @pytest.mark.parametrize("operation", ["create", "swap", "delete"])
    def test_whoever_comes_between_two_lines_is_noticed(self, managed: StateManager, store: Store, tmp_path: Path, operation: str) -> None:
        """Another writer comes just before each line of the store's own code in turn: of two who expect one version, one is refused.

        A store that reads, compares and then writes without a condition fails here every time: let the server, or the file system, compare.
        """

        def call(name: str, version: str) -> bool:
            try:
                store.delete(name, version) if operation == "delete" else store.write(name, b"mine", version)
            except ConflictError:
                return False
            return True

        def begun(name: str) -> str:
            return ABSENT if operation == "create" else store.write(name, b"begun", ABSENT)

        count = lines_of(lambda: call("counted", begun("counted")), store)
        rival = Rival(store.write, self.worker(managed, tmp_path, mode="obey", name="", worker="rival") if self.processes else None)
        try:
            for number in range(0, count, max(1, count // 60)):
                name = f"between-{number}"
                version = begun(name)
                mine = interrupted_at(number, partial(call, name, version), store, partial(rival.write, name, "theirs", version))
                assert mine != rival.won(), f"line {number} of {count} of {operation}: mine {mine}, the other's {rival.won()}"
                found = store.read(name)
                assert (found and found.data) == ((None if operation == "delete" else b"mine") if mine else b"theirs")
        finally:
            rival.close()

    def test_of_many_who_swap_one_version_one_wins(self, store: Store) -> None:
        """Eight at once, ten times: a server that compares and writes in two moves lets more than one of them through."""
        versions = [store.write(f"race-{number}", b"begun", ABSENT) for number in range(10)]

        assert winners(store, versions) == [1] * 10

    def test_no_swap_gets_lost_between_processes(self, managed: StateManager, store: Store, tmp_path: Path) -> None:
        if not self.processes:
            pytest.skip("no other process sees this store")
        workers = [self.worker(managed, tmp_path, mode="swap", name="iris", times=15, worker=f"w{number}") for number in range(2)]
        reports = self.finished(workers)
        found = store.read("iris")
        assert found is not None
        assert (int(found.data.split()[1]), [report["done"] for report in reports]) == (30, [15, 15])


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
        found = store.read(name)
        return State.from_bytes(found.data, "test") if found else None

    def test_a_session_writes_steps_and_leaves_no_lock(self, managed: StateManager, store: Store) -> None:
        with managed.session(store, "iris", self.lock(), timeout_s=0, initial=self.state()) as session:
            assert session.state is not None
            session.save(session.state.with_record("image", {"id": "i"}))
            session.guard()
            session.save(session.state.with_record("server", {"id": "s"}))
        state = self.stored(store)
        assert state is not None
        assert (state.lineage, state.serial, state.lock) == (LINEAGE, 2, None)
        assert state.records == {"image": {"id": "i"}, "server": {"id": "s"}}

    def test_the_holder_is_seen_by_others(self, managed: StateManager, store: Store) -> None:
        lock = self.lock("rollback")
        with managed.session(store, "iris", lock, timeout_s=0, initial=self.state()):
            state = self.stored(store)
            assert state is not None
            assert state.lock is not None
            assert (state.lock.id, state.lock.holder, state.lock.operation) == (lock.id, lock.holder, "rollback")

    def test_a_second_session_is_refused_with_the_holders_name(self, managed: StateManager, store: Store) -> None:
        lock = self.lock()
        with managed.session(store, "iris", lock, timeout_s=0, initial=self.state()):
            with pytest.raises(LockedError, match=lock.id) as caught, managed.session(store, "iris", self.lock(), timeout_s=0):
                pass
            assert caught.value.exit_code == 5
            with managed.session(store, "other", self.lock(), timeout_s=0, initial=self.state()):
                pass

    def test_an_error_inside_leaves_no_lock(self, managed: StateManager, store: Store) -> None:
        with (
            pytest.raises(ZeroDivisionError),
            managed.session(store, "iris", self.lock(), timeout_s=0, initial=self.state()),
        ):
            raise ZeroDivisionError
        state = self.stored(store)
        assert state is not None
        assert state.lock is None

    @pytest.mark.parametrize("operation", ["save", "finish", "erase"])
    def test_an_interrupt_right_after_a_write_landed_leaves_no_lock(
        self, managed: StateManager, store: Store, monkeypatch: pytest.MonkeyPatch, operation: str
    ) -> None:
        method = "delete" if operation == "erase" else "write"
        done = getattr(store, method)

        def interrupted(*arguments: Any) -> None:
            monkeypatch.setattr(store, method, done)
            done(*arguments)
            raise KeyboardInterrupt

        def run() -> None:
            with managed.session(store, "iris", self.lock(), timeout_s=0, initial=self.state()) as session:
                assert session.state is not None
                state = session.state.with_record("image", {"id": "i"})
                monkeypatch.setattr(store, method, interrupted)
                session.erase() if operation == "erase" else getattr(session, operation)(state)

        with pytest.raises(KeyboardInterrupt):
            run()
        left = self.stored(store)
        assert (left and (left.lock, left.records)) == (None if operation == "erase" else (None, {"image": {"id": "i"}}))

    def test_the_last_write_may_leave_the_lock_with_it(self, managed: StateManager, store: Store) -> None:
        with managed.session(store, "iris", self.lock(), timeout_s=0, initial=self.state()) as session:
            assert session.state is not None
            session.finish(session.state.with_record("image", {"id": "i"}))
            state = self.stored(store)
            assert state is not None
            assert (state.lock, state.records) == (None, {"image": {"id": "i"}})

    def test_another_lineage_is_refused(self, managed: StateManager, store: Store) -> None:
        with (
            managed.session(store, "iris", self.lock(), timeout_s=0, initial=self.state()) as session,
            pytest.raises(ConflictError, match="another deployment"),
        ):
            session.save(State(type="fake", lineage="b" * 32))

    def test_erasing_leaves_nothing_and_a_new_lineage_may_come(self, managed: StateManager, store: Store) -> None:
        with managed.session(store, "iris", self.lock(), timeout_s=0, initial=self.state()) as session:
            session.erase()
        assert (self.stored(store), list(store.names())) == (None, [])
        other = State(type="fake", lineage="b" * 32)
        with managed.session(store, "iris", self.lock(), timeout_s=0, initial=other) as session:
            assert session.state is not None
            assert session.state.lineage == "b" * 32

    def test_without_a_state_nothing_is_made(self, managed: StateManager, store: Store) -> None:
        with managed.session(store, "iris", self.lock(), timeout_s=0) as session:
            assert session.state is None
        assert list(store.names()) == []

    def test_a_lock_taken_by_hand_stays_until_it_is_released(self, managed: StateManager, store: Store) -> None:
        hand = self.lock("hold", manual=True, message="audit", id="ci-7")
        with managed.session(store, "iris", hand, timeout_s=0, initial=self.state()) as session:
            assert session.state is not None
            session.hold(session.state)
        with pytest.raises(LockedError, match="audit"), managed.session(store, "iris", self.lock(), timeout_s=30):
            pass
        with managed.session(store, "iris", self.lock(id="ci-7"), timeout_s=0):
            pass
        state = self.stored(store)
        assert state is not None
        assert state.lock is not None
        assert (state.lock.id, state.lock.message, state.lock.manual) == ("ci-7", "audit", True)
        managed.release(store, "iris", state.lock)
        with managed.session(store, "iris", self.lock(), timeout_s=0):
            pass

    def test_a_killed_holder_of_this_machine_is_followed_at_once(self, managed: StateManager, store: Store, tmp_path: Path) -> None:
        if not self.processes:
            pytest.skip("no other process sees this store")
        worker = self.worker(managed, tmp_path, mode="hold", name="iris", worker="w")
        assert worker.stdout is not None
        assert worker.stdout.readline() == "holding\n"
        with pytest.raises(LockedError), managed.session(store, "iris", self.lock(), timeout_s=0):
            pass
        worker.send_signal(signal.SIGKILL)
        worker.communicate(timeout=60)
        with managed.session(store, "iris", self.lock(), timeout_s=10) as session:
            assert session.state is not None
            assert session.state.records == {"held": {"by": "w"}}

    def test_a_waiter_gets_the_lock_when_the_other_process_is_done(self, managed: StateManager, store: Store, tmp_path: Path) -> None:
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

        with managed.session(store, "iris", self.lock(), timeout_s=60, waiting=waiting):
            assert seen == ["test"]
        assert worker.wait(60) == 0
        worker.stdout.close()

    def test_processes_take_turns_and_no_update_gets_lost(self, managed: StateManager, store: Store, tmp_path: Path) -> None:
        if not self.processes:
            pytest.skip("no other process sees this store")
        workers = [self.worker(managed, tmp_path, mode="count", name="iris", times=5, worker=f"w{number}") for number in range(3)]
        reports = self.finished(workers)
        state = self.stored(store)
        assert state is not None
        assert state.records == {"count": {"total": 15, "by": {"w0": 5, "w1": 5, "w2": 5}}}
        assert [(report["done"], report["doubtful"]) for report in reports] == [(5, 0)] * 3
