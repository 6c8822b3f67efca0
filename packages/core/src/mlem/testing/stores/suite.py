"""`StoreSuite`: what every store of states does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from mlem.state.manager import ABSENT, StateManager, Store
from mlem.testing.stores.between import Rival, interrupted_at, lines_of
from mlem.testing.stores.fixtures import StateManagerFixtures
from mlem_model.errors import ConflictError

NAMES = ["iris", "apps/iris", "apps/deep/er/iris", "größe", "苗/模型", "with space", "a+b=c&d", "x.y-z_1"]


def winners(store: Store, versions: Sequence[str]) -> list[int]:
    """Let eight writers at once loose on each of some names that are at these versions.

    Return how many were accepted for each.
    """

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
    """The register, on which everything above relies.

    Example::

        class TestStore(StoreSuite):
            def manager(self, tmp_path):
                return RedisStateManager(uri="redis://...")
    """

    def test_what_is_not_there_is_absent(self, store: Store) -> None:
        """A name without a value reads as None, and can't be swapped.

        When it fails: return None from `read` for the store's 404, and raise a `ConflictError` in `write` for a version
        that is not there.
        """
        assert store.read("iris") is None
        assert list(store.names()) == []
        with pytest.raises(ConflictError):
            store.write("iris", b"x", "no-such-version")

    def test_what_is_written_is_read_with_its_version(self, store: Store) -> None:
        """`write` returns the version under which the value is read.

        When it fails: return what the store calls the version of exactly this write, and don't ask for it afterwards.
        """
        version = store.write("iris", b"one", ABSENT)
        found = store.read("iris")
        assert found is not None
        assert (found.data, found.version) == (b"one", version)

    def test_creating_needs_absence(self, store: Store) -> None:
        """A write that expects nothing is refused where something is.

        When it fails: use the store's own condition: If-None-Match, O_EXCL, NX.
        """
        store.write("iris", b"one", ABSENT)
        with pytest.raises(ConflictError):
            store.write("iris", b"two", ABSENT)
        found = store.read("iris")
        assert found is not None
        assert found.data == b"one"

    def test_a_swap_needs_the_newest_version(self, store: Store) -> None:
        """A version is never used twice, and an old one is refused.

        When it fails: use the store's own condition: If-Match, a transaction; take versions that count or are random.
        """
        first = store.write("iris", b"one", ABSENT)
        second = store.write("iris", b"two", first)
        assert second != first
        with pytest.raises(ConflictError):
            store.write("iris", b"late", first)
        assert store.write("iris", b"three", second) not in (first, second)

    def test_deleting_needs_the_newest_version_and_is_once(self, store: Store) -> None:
        """Deleting has a condition, too, and no version comes back after it.

        When it fails: delete with a condition; where the store has none, `mlem.provider.ErasingStore` helps.
        """
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
        """Half a megabyte arrives as it was.

        When it fails: send and read the value as bytes, as a whole.
        """
        data = os.urandom(500_000)
        version = store.write("iris", data, ABSENT)
        found = store.read("iris")
        assert found is not None
        assert (found.data == data, found.version) == (True, version)

    @pytest.mark.parametrize("name", NAMES)
    def test_names_may_be_nested_and_of_any_alphabet(self, store: Store, name: str) -> None:
        """A name is what it is, whatever is in it.

        When it fails: quote names for the store in a way that can be undone, and undo it in `names`.
        """
        version = store.write(name, name.encode(), ABSENT)
        found = store.read(name)
        assert found is not None
        assert (found.data, list(store.names())) == (name.encode(), [name])
        store.delete(name, version)
        assert list(store.names()) == []

    def test_a_thousand_names_are_listed_sorted_and_by_prefix(self, store: Store) -> None:
        """Listing goes on to the last page.

        When it fails: follow the store's pages, sort, and filter by the prefix as text.
        """
        names = sorted(f"apps/{number % 10}/{number:04d}" for number in range(self.many))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: store.write(name, b"x", ABSENT), names))
        assert list(store.names()) == names
        assert list(store.names("apps/3/")) == [name for name in names if name.startswith("apps/3/")]

    def test_of_many_creators_at_once_one_wins(self, store: Store) -> None:
        """Eight at once, ten times: one is accepted.

        When it fails: let the store compare and write in one move.
        """
        assert winners(store, [ABSENT] * 10) == [1] * 10

    @pytest.mark.parametrize("operation", ["create", "swap", "delete"])
    def test_whoever_comes_between_two_lines_is_noticed(
        self, managed: StateManager, store: Store, tmp_path: Path, operation: str
    ) -> None:
        """Another writer comes just before each line of the store's own code: of two with one version, one is refused.

        A store that reads, compares and then writes without a condition fails here every time: let the server, or the
        file system, compare.

        When it fails: let the server, or the file system, compare. The message says at which line somebody came
        between.
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
        rival = Rival(
            store.write,
            self.worker(managed, tmp_path, mode="obey", name="", worker="rival") if self.processes else None,
        )
        try:
            for number in range(0, count, max(1, count // 60)):
                name = f"between-{number}"
                version = begun(name)
                mine = interrupted_at(
                    number, partial(call, name, version), store, partial(rival.write, name, "theirs", version)
                )
                assert mine != rival.won(), (
                    f"line {number} of {count} of {operation}: mine {mine}, the other's {rival.won()}"
                )
                found = store.read(name)
                assert (found and found.data) == ((None if operation == "delete" else b"mine") if mine else b"theirs")
        finally:
            rival.close()

    def test_of_many_who_swap_one_version_one_wins(self, store: Store) -> None:
        """Eight at once, ten times.

        A server that compares and writes in two moves lets more than one of them through.

        When it fails: let the store compare and write in one move.
        """
        versions = [store.write(f"race-{number}", b"begun", ABSENT) for number in range(10)]

        assert winners(store, versions) == [1] * 10

    def test_no_swap_gets_lost_between_processes(self, managed: StateManager, store: Store, tmp_path: Path) -> None:
        """Two processes count: no number is written twice.

        When it fails: a lock of this process is none for others: let the store compare.
        """
        if not self.processes:
            pytest.skip("no other process sees this store")
        workers = [
            self.worker(managed, tmp_path, mode="swap", name="iris", times=15, worker=f"w{number}")
            for number in range(2)
        ]
        reports = self.finished(workers)
        found = store.read("iris")
        assert found is not None
        assert (int(found.data.split()[1]), [report["done"] for report in reports]) == (30, [15, 15])
