"""The lease over a store in memory, with a clock that stands still."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem.state.locks.lease import Lease, acquire, break_lease, leased
from mlem.state.locks.owner import is_dead, new_lock
from mlem.state.locks.request import LockRequest
from mlem.state.state import LockInfo, State
from mlem.state.stores.retrying import RetryingStore
from mlem.testing.stores.memory import FakeClock, MemoryStore
from mlem_model.errors import ConflictError, LockedError, StateUnknownError

NEW = State(type="fake", lineage="1" * 32)


def remote(id_: str, **fields: Any) -> LockInfo:
    return LockInfo(
        id=id_, holder=f"{id_}@far", host="far/boot", pid=7, operation="run", since="2026-01-01T00:00:00Z", **fields
    )


@dataclass
class Bench:
    store: MemoryStore = field(default_factory=MemoryStore)
    clock: FakeClock = field(default_factory=FakeClock)

    def acquire(self, id_: str, timeout_s: float = 0.0, **options: Any) -> Lease:
        lock = options.pop("lock", remote(id_))
        return acquire(LockRequest(self.store, "app", lock, timeout_s, **{"initial": NEW, **options}), self.clock)

    def stored(self) -> State:
        return State.from_bytes(self.store.values["app"].data, "test")


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_first_holder_writes_the_lock_into_a_new_state(bench: Bench) -> None:
    lease = bench.acquire("a")
    assert bench.stored() == lease.state
    assert lease.state is not None
    assert (lease.state.lineage, lease.state.serial, lease.state.lock) == (NEW.lineage, 0, remote("a", renewal=1))


def test_one_locked_write_costs_three_requests(bench: Bench) -> None:
    bench.acquire("a").finish(NEW)
    bench.store.calls.clear()
    lease = bench.acquire("b")
    assert lease.state is not None
    lease.finish(lease.state.with_record("disk", {"id": 1}))
    lease.release()
    assert bench.store.calls == ["read", "write", "write"]
    assert (bench.stored().lock, bench.stored().serial, bench.stored().records) == (None, 2, {"disk": {"id": 1}})


def test_an_interrupt_right_after_the_lock_was_written_leaves_no_lock(bench: Bench) -> None:
    bench.store.faults["write after"] = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        bench.acquire("a")
    assert bench.stored().lock is None


@pytest.mark.parametrize("operation", ["write after", "delete after", "write", "delete"])
def test_an_interrupt_of_the_last_write_is_neither_hidden_nor_undone(bench: Bench, operation: str) -> None:
    def run() -> None:
        with leased(LockRequest(bench.store, "app", remote("a"), initial=NEW)) as lease:
            bench.store.faults[operation] = [KeyboardInterrupt()]
            lease.erase() if "delete" in operation else lease.finish(NEW)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert "app" not in bench.store.values if operation == "delete after" else bench.stored().lock is None


def test_a_run_of_k_steps_costs_one_read_and_k_plus_two_writes(bench: Bench) -> None:
    bench.acquire("a").finish(NEW)
    bench.store.calls.clear()
    lease = bench.acquire("b")
    for step in ("image", "disk", "server"):
        assert lease.state is not None
        lease.save(lease.state.with_record(step, {}))
    lease.release()
    assert bench.store.calls == ["read", *["write"] * 5]


def test_a_second_one_waits_no_longer_than_it_may_and_says_for_whom(bench: Bench) -> None:
    bench.acquire("a")
    seen: list[LockInfo | None] = []
    with pytest.raises(LockedError, match=r"a@far \(pid 7\), run since") as caught:
        bench.acquire("b", timeout_s=10, waiting=seen.append)
    assert caught.value.exit_code == 5
    assert [holder.id for holder in seen if holder] == ["a"]
    assert sum(bench.clock.slept) == pytest.approx(10)


def test_a_waiter_gets_the_lock_when_it_is_released(bench: Bench) -> None:
    first = bench.acquire("a")
    second = bench.acquire("b", timeout_s=30, waiting=lambda _holder: first.release())
    assert second.state is not None
    assert second.state.lock == remote("b", renewal=1)


def test_a_holder_that_is_not_heard_of_for_its_ttl_is_taken_over(bench: Bench) -> None:
    bench.acquire("a")
    before = bench.clock.seconds
    assert bench.acquire("b", timeout_s=600).lock.id == "b"
    assert 60 < bench.clock.seconds - before < 62


def test_a_holder_that_gives_signs_of_life_is_never_taken_over(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bench.acquire("a")
    sleep = bench.clock.sleep

    def renewing(seconds: float) -> None:
        sleep(seconds)
        first.renew()

    monkeypatch.setattr(bench.clock, "sleep", renewing)
    with pytest.raises(LockedError):
        bench.acquire("b", timeout_s=600)


def test_a_waiter_that_slept_through_other_holders_does_not_take_a_new_lock_of_the_same_id_for_an_old_one(
    bench: Bench,
) -> None:
    bench.acquire("a")
    sleep = bench.clock.sleep

    def slept_through(seconds: float) -> None:
        bench.clock.sleep = sleep  # type: ignore[method-assign]  # of this one clock
        sleep(61)
        bench.acquire("c", timeout_s=600).release()
        bench.acquire("a")

    bench.clock.sleep = slept_through  # type: ignore[method-assign]  # the same
    with pytest.raises(LockedError, match="a@far"):
        bench.acquire("b", timeout_s=180)


def test_a_paused_holder_loses_its_next_write_and_hears_to_whom(bench: Bench) -> None:
    first = bench.acquire("a")
    assert first.state is not None
    second = bench.acquire("b", timeout_s=600)
    assert second.state is not None
    with pytest.raises(LockedError, match="taken over by b@far") as caught:
        first.save(first.state.with_record("disk", {"id": "late"}))
    assert (caught.value.exit_code, caught.value.code) == (5, "lock-lost")
    with pytest.raises(LockedError, match="taken over by b@far"):
        first.guard()
    first.release()
    assert bench.stored() == second.state


def test_the_guard_renews_a_lease_that_is_about_to_expire_and_finds_out_that_it_is_lost(bench: Bench) -> None:
    lease = bench.acquire("a")
    lease.guard()
    assert lease.lock.renewal == 1
    bench.clock.seconds += 51
    lease.guard()
    assert (lease.lock.renewal, bench.stored().lock) == (2, lease.lock)
    bench.acquire("b", timeout_s=600)
    with pytest.raises(LockedError, match="taken over by b@far"):
        lease.guard()


def test_the_guard_refuses_to_go_on_when_the_store_does_not_answer(bench: Bench) -> None:
    lease = bench.acquire("a")
    bench.clock.seconds += 51
    bench.store.faults["write"] = [StateUnknownError("cut")]
    with pytest.raises(StateUnknownError):
        lease.guard()


def test_a_dead_process_of_this_host_is_taken_over_at_once(bench: Bench) -> None:
    child = subprocess.run(
        [sys.executable, "-c", "from mlem.state.locks.owner import new_lock; print(new_lock('run').model_dump_json())"],
        capture_output=True,
        check=True,
    )
    dead = LockInfo.model_validate_json(child.stdout)
    bench.acquire("a", lock=dead)
    assert bench.acquire("b").lock.id == "b"
    assert bench.clock.slept == []


def test_a_living_process_of_this_host_is_not_dead_and_one_with_its_pid_but_another_start_is() -> None:
    mine = new_lock("run")
    assert not is_dead(mine)
    assert is_dead(mine.model_copy(update={"started": mine.started - 1}))
    assert not is_dead(mine.model_copy(update={"host": "elsewhere/boot/pid:[1]", "pid": 1}))
    assert not is_dead(mine.model_copy(update={"manual": True, "started": 1}))


def test_a_stopped_process_is_not_dead() -> None:
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from mlem.state.locks.owner import new_lock; "
            "print(new_lock('run').model_dump_json(), flush=True); input()",
        ],
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
    )
    assert child.stdout is not None
    lock = LockInfo.model_validate_json(child.stdout.readline())
    os.kill(child.pid, signal.SIGSTOP)
    assert not is_dead(lock)
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert is_dead(lock)


def test_a_lock_taken_by_hand_is_never_taken_over_and_outlives_a_run_under_it(bench: Bench) -> None:
    hand = remote("ci", manual=True, message="audit").model_copy(update={"operation": "hold"})
    lease = bench.acquire("ci", lock=hand)
    lease.hold(NEW)
    lease.release()
    assert bench.stored().lock == lease.lock
    with pytest.raises(LockedError, match="audit"):
        bench.acquire("b", timeout_s=6000)
    assert bench.clock.slept == []
    run = bench.acquire("ci")
    assert (run.lock.manual, run.lock.message, run.lock.operation) == (True, "audit", "run")
    run.release()
    assert bench.stored().lock == lease.lock


def test_two_runs_under_one_lock_taken_by_hand_exclude_each_other(bench: Bench) -> None:
    hand = remote("ci", manual=True).model_copy(update={"operation": "hold"})
    bench.acquire("ci", lock=hand).hold(NEW)
    bench.acquire("ci")
    with pytest.raises(LockedError):
        bench.acquire("ci", timeout_s=5)


def test_a_lock_can_be_broken_by_its_id_and_its_holder_finds_out(bench: Bench) -> None:
    lease = bench.acquire("a")
    with pytest.raises(ConflictError, match="another one by now"):
        break_lease(bench.store, "app", remote("z"))
    break_lease(bench.store, "app", lease.lock)
    assert bench.stored().lock is None
    with pytest.raises(LockedError, match="was released, or taken over"):
        lease.renew()


def test_without_an_initial_state_nothing_is_written(bench: Bench) -> None:
    lease = bench.acquire("a", initial=None)
    lease.guard()
    lease.renew()
    lease.release()
    assert (lease.state, bench.store.values, bench.store.calls) == (None, {}, ["read"])


def test_erasing_expects_the_version_of_the_last_write(bench: Bench) -> None:
    first = bench.acquire("a")
    second = bench.acquire("b", timeout_s=600)
    with pytest.raises(LockedError, match="taken over by b@far"):
        first.erase()
    second.erase()
    second.release()
    assert bench.store.values == {}


def test_when_the_store_does_not_answer_a_release_the_run_has_not_failed(bench: Bench) -> None:
    lease = bench.acquire("a")
    bench.store.faults["write"] = [StateUnknownError("cut")]
    lease.release()
    assert bench.stored().lock == lease.lock


def test_a_state_of_another_lineage_is_never_written_over(bench: Bench) -> None:
    lease = bench.acquire("a")
    with pytest.raises(ConflictError, match="another deployment"):
        lease.save(State(type="fake", lineage="2" * 32))


def test_the_nonce_is_fresh_for_each_write_so_that_no_version_ever_comes_back(bench: Bench) -> None:
    seen = set()
    for id_ in "abc":
        lease = bench.acquire(id_)
        seen.add(bench.stored().nonce)
        lease.release()
        seen.add(bench.stored().nonce)
    assert len(seen) == 6


def test_the_thread_renews_while_the_context_lasts() -> None:
    store = MemoryStore()
    lock = remote("a", ttl_s=0.15)
    with leased(LockRequest(store, "app", lock, initial=NEW)) as lease:
        deadline = lease._clock.monotonic() + 20
        while lease.lock.renewal < 4:
            assert lease._clock.monotonic() < deadline
    assert State.from_bytes(store.values["app"].data, "test").lock is None
    written = len(store.calls)
    lease.renew()
    assert len(store.calls) == written


# What is settled when the outcome of a write is unknown.

CUT = StateUnknownError("cut")


def retrying(store: MemoryStore, clock: FakeClock, **options: Any) -> RetryingStore:
    return RetryingStore(store, clock=clock, **options)


def test_a_write_that_landed_unheard_is_recognised(bench: Bench) -> None:
    bench.store.faults["write after"] = [CUT]
    version = retrying(bench.store, bench.clock).write("app", b"one", "")
    assert (version, bench.store.calls) == ("v1", ["write", "read"])


def test_a_write_that_did_not_land_is_sent_again(bench: Bench) -> None:
    bench.store.faults["write"] = [CUT, CUT]
    assert retrying(bench.store, bench.clock).write("app", b"one", "") == "v1"
    assert bench.store.values["app"].data == b"one"


def test_a_refusal_after_doubt_is_looked_into_before_it_is_believed(bench: Bench) -> None:
    bench.store.faults.update({"write after": [CUT], "read": [CUT]})
    assert retrying(bench.store, bench.clock).write("app", b"one", "") == "v1"
    assert bench.store.calls == ["write", "read", "write", "read"]


def test_a_refusal_at_the_first_time_of_asking_is_final(bench: Bench) -> None:
    bench.store.write("app", b"others", "")
    bench.store.calls.clear()
    with pytest.raises(ConflictError):
        retrying(bench.store, bench.clock).write("app", b"one", "")
    assert bench.store.calls == ["write"]


def test_where_the_client_repeats_requests_a_first_refusal_is_looked_into_too(bench: Bench) -> None:
    bench.store.write("app", b"one", "")
    assert retrying(bench.store, bench.clock, conflicts_are_final=False).write("app", b"one", "") == "v1"
    with pytest.raises(ConflictError):
        retrying(bench.store, bench.clock, conflicts_are_final=False).write("app", b"two", "")


def test_when_somebody_else_wrote_meanwhile_the_write_is_refused_for_good(bench: Bench) -> None:
    bench.store.write("app", b"zero", "")
    bench.store.faults["write"] = [CUT]
    original = bench.store.read

    def read(name: str) -> Any:
        if bench.store.values["app"].data == b"zero":
            bench.store.write("app", b"others", "v1")
        return original(name)

    bench.store.read = read  # type: ignore[method-assign]  # of this one store
    with pytest.raises(ConflictError, match="while the store did not answer"):
        retrying(bench.store, bench.clock).write("app", b"one", "v1")
    assert bench.store.values["app"].data == b"others"


def test_a_deletion_that_landed_unheard_is_recognised(bench: Bench) -> None:
    bench.store.write("app", b"one", "")
    bench.store.faults["delete after"] = [CUT]
    retrying(bench.store, bench.clock).delete("app", "v1")
    assert bench.store.values == {}


def test_after_the_deadline_it_is_unknown(bench: Bench) -> None:
    bench.store.faults.update({"write": [CUT] * 10_000, "read": [CUT] * 10_000})
    before = bench.clock.seconds
    with pytest.raises(StateUnknownError, match="no answer to a write for 30 s"):
        retrying(bench.store, bench.clock).write("app", b"one", "")
    assert 20 < bench.clock.seconds - before <= 30


def test_a_state_that_could_not_be_written_is_kept_to_be_pushed(bench: Bench, tmp_path: Any) -> None:
    store = retrying(bench.store, bench.clock, root=tmp_path)
    lease = acquire(LockRequest(store, "apps/iris", remote("a"), initial=NEW), bench.clock)
    bench.store.faults.update({"write": [CUT] * 10_000})
    with pytest.raises(StateUnknownError, match="the state is kept in") as caught:
        lease.save(NEW.with_record("disk", {"id": 1}))
    path = tmp_path / "apps" / "iris.errored.mlem.state"
    kept = State.from_bytes(path.read_bytes(), "kept")
    assert (kept.records, kept.lock, kept.serial, path.stat().st_mode & 0o777) == ({"disk": {"id": 1}}, None, 1, 0o600)
    assert caught.value.hint == "when the store answers again: mlem deployment state push apps/iris"


@given(st.lists(st.sampled_from(["write", "write after", "read", None]), max_size=12))
def test_whatever_gets_lost_a_write_lands_once_and_is_reported_rightly(faults: list[str | None]) -> None:
    store = MemoryStore()
    for fault in faults:
        if fault is not None:
            store.faults.setdefault(fault, []).append(CUT)
    version = retrying(store, FakeClock(), deadline_s=1e6).write("app", b"one", "")
    assert store.values == {"app": store.values["app"]}
    assert (store.values["app"].data, version) == (b"one", store.values["app"].version)
    assert version == "v1"
