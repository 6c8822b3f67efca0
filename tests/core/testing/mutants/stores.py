"""Broken stores and state managers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from careless_stores import CarelessManager, FolderStore, MutexStore, RightStore
from mutant import breaks

from mlem import Versioned
from mlem.state.locks import lease, owner
from mlem.state.locks.lease import Lease
from mlem.state.state import State

read, write, names, expect, put = (
    FolderStore.read,
    FolderStore.write,
    FolderStore.names,
    FolderStore.expect,
    FolderStore._put,
)
saved, marked = Lease._write, Lease.acquire


def slow(patch: pytest.MonkeyPatch, kind: type[FolderStore], pause_s: float) -> None:
    """Have a store think between comparing and writing."""

    def compare(self: Any, name: str, version: str) -> None:
        expect(self, name, version)
        time.sleep(pause_s)

    patch.setattr(FolderStore, "expect", compare)
    patch.setattr(CarelessManager, "open_store", lambda self, root: kind(Path(self.uri)))


@breaks("StoreSuite.test_what_is_not_there_is_absent", says="is None")
def has_a_value_for_everything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FolderStore, "read", lambda self, name: read(self, name) or Versioned(b"", "none"))


@breaks("StoreSuite.test_what_is_written_is_read_with_its_version", says="version")
def makes_versions_up(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RightStore, "write", lambda self, name, data, version: write(self, name, data, version)[::-1])


@breaks(
    "StoreSuite.test_creating_needs_absence", "StoreSuite.test_a_swap_needs_the_newest_version", says="DID NOT RAISE"
)
def writes_without_comparing(patch: pytest.MonkeyPatch) -> None:
    def overwrite(self: Any, name: str, data: bytes, version: str) -> str:
        found = read(self, name)
        return write(self, name, data, found.version if found else "")

    patch.setattr(RightStore, "write", overwrite)


@breaks("StoreSuite.test_deleting_needs_the_newest_version_and_is_once", says="DID NOT RAISE")
def deletes_without_comparing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RightStore, "delete", lambda self, name, version: self._path(name).unlink())


@breaks("StoreSuite.test_a_value_may_be_large", says="data")
def cuts_values(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FolderStore, "_put", lambda self, name, data: put(self, name, data[:65536]))


@breaks("StoreSuite.test_names_may_be_nested_and_of_any_alphabet", says="name")
def changes_names(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FolderStore, "names", lambda self, prefix="": (one.replace("/", "-") for one in names(self, prefix)))


@breaks("StoreSuite.test_a_thousand_names_are_listed_sorted_and_by_prefix", says="names")
def lists_the_first_page(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(FolderStore, "names", lambda self, prefix="": iter(list(names(self, prefix))[:100]))


@breaks(
    "StoreSuite.test_of_many_creators_at_once_one_wins",
    "StoreSuite.test_of_many_who_swap_one_version_one_wins",
    "StoreSuite.test_whoever_comes_between_two_lines_is_noticed",
    says="winners|line ",
)
def compares_then_writes(patch: pytest.MonkeyPatch) -> None:
    slow(patch, FolderStore, 0.02)


@breaks(
    "StoreSuite.test_no_swap_gets_lost_between_processes",
    "StateManagerSuite.test_processes_take_turns_and_no_update_gets_lost",
    says="30|15|doubtful",
)
def compares_in_one_process_only(patch: pytest.MonkeyPatch) -> None:
    slow(patch, MutexStore, 0.06)


@breaks("StateManagerSuite.test_a_session_writes_steps_and_leaves_no_lock", says="serial")
def writes_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "save", lambda self, state: self.__setattr__("state", state))


@breaks(
    "StateManagerSuite.test_the_holder_is_seen_by_others",
    "StateManagerSuite.test_a_second_session_is_refused_with_the_holders_name",
    says="lock|DID NOT RAISE",
)
def locks_without_a_word(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "acquire", lambda self, state: self._write(state, None))


@breaks("StateManagerSuite.test_an_error_inside_leaves_no_lock", says="state.lock is None")
def keeps_its_lock(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "release", lambda self: None)


@breaks("StateManagerSuite.test_an_interrupt_right_after_a_write_landed_leaves_no_lock", says="left")
def forgets_what_may_have_landed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "_catch_up", lambda self: None)


@breaks("StateManagerSuite.test_the_last_write_may_leave_the_lock_with_it", says="state.lock")
def finishes_in_two_moves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "finish", lambda self, state: self._save(state, self.lock))


@breaks("StateManagerSuite.test_another_lineage_is_refused", says="DID NOT RAISE")
def takes_any_lineage(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "_save", lambda self, state, lock: self._write(state, lock))


@breaks("StateManagerSuite.test_erasing_leaves_nothing_and_a_new_lineage_may_come", says="None")
def erases_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "erase", lambda self: None)


@breaks("StateManagerSuite.test_without_a_state_nothing_is_made", says="session.state is None|names")
def makes_a_state_of_nothing(patch: pytest.MonkeyPatch) -> None:
    acquired = lease.acquire

    def acquire(request: Any, clock: Any = None) -> Any:
        made = acquired(request, clock)
        if made.state is None:
            made.acquire(State(type="fake"))
        return made

    patch.setattr(lease, "acquire", acquire)


@breaks("StateManagerSuite.test_a_lock_taken_by_hand_stays_until_it_is_released", says="DID NOT RAISE")
def lets_go_of_a_lock_taken_by_hand(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Lease, "hold", lambda self, state: self._write(state, None))


@breaks("StateManagerSuite.test_a_killed_holder_of_this_machine_is_followed_at_once", says="LockedError|locked")
def waits_for_the_dead(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(lease, "is_dead", lambda lock: False)
    patch.setattr(owner, "is_dead", lambda lock: False)


@breaks("StateManagerSuite.test_a_waiter_gets_the_lock_when_the_other_process_is_done", says="seen")
def does_not_say_for_whom_it_waits(patch: pytest.MonkeyPatch) -> None:
    from mlem.state.locks.request import LockRequest

    patch.setattr(LockRequest, "tell", lambda self, holder: self.waiting(None))
