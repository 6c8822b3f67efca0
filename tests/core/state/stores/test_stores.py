"""The core's state managers pass the conformance suites: local files, and fsspec on files and in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlem.state.manager import ABSENT, StateManager
from mlem.state.stores.exclusive import exclusive_creation
from mlem.state.stores.fsspec import FsspecStateManager
from mlem.state.stores.local import LocalStateManager
from mlem.state.stores.log import KEPT_VERSIONS, LogStore
from mlem.testing.history.suite import HistorySuite
from mlem.testing.stores.fixtures import StateManagerFixtures
from mlem.testing.stores.manager_suite import StateManagerSuite
from mlem.testing.stores.suite import StoreSuite
from mlem_model.errors import ConflictError


class LocalFixtures(StateManagerFixtures):
    def manager(self, tmp_path: Path) -> StateManager:
        return LocalStateManager()


class TestLocal(LocalFixtures, StateManagerSuite):
    pass


class FileFixtures(StateManagerFixtures):
    def manager(self, tmp_path: Path) -> StateManager:
        return FsspecStateManager(uri=(tmp_path / "shared").as_uri(), ttl_s=3)


class TestFsspecOnFiles(FileFixtures, StoreSuite):
    pass


class TestFsspecOnFilesHistory(FileFixtures, HistorySuite):
    seconds: ClassVar[float] = 4.0


class TestFsspecOnFilesLocks(FileFixtures, StateManagerSuite):
    pass


class MemoryFixtures:
    processes: ClassVar[bool] = False

    def manager(self, tmp_path: Path) -> StateManager:
        return FsspecStateManager(uri=f"memory://{os.urandom(4).hex()}", ttl_s=3)

    @pytest.fixture
    def managed(self, tmp_path: Path) -> Any:
        return self.manager(tmp_path)


class TestFsspecInMemory(MemoryFixtures, StoreSuite):
    pass


class TestFsspecInMemoryLocks(MemoryFixtures, StateManagerSuite):
    pass


class RacingStore(LogStore):
    """A log on files whose next created version is followed by others' writes before the writer can look."""

    def __init__(self, folder: Path) -> None:
        import fsspec

        fs = fsspec.filesystem("file")
        create = exclusive_creation(fs, unsafe=False)
        self.others: list[Any] = []

        def racing(path: str, data: bytes) -> bool:
            made = create(path, data)
            others, self.others = self.others, []
            for other in others:
                other()
            return made

        super().__init__(fs, str(folder), racing, folder.as_uri())

    def advance(self, times: int = 1) -> str:
        version = ABSENT
        for _ in range(times):
            found = self.read("app")
            version = self.write("app", os.urandom(4), found.version if found else ABSENT)
        return version


@pytest.mark.parametrize("before", [0, 1, 3, KEPT_VERSIONS + 3])
@pytest.mark.parametrize("others", [1, KEPT_VERSIONS - 2])
def test_a_write_that_landed_is_no_conflict_when_others_go_on_from_it_at_once(
    tmp_path: Path, before: int, others: int
) -> None:
    store = RacingStore(tmp_path)
    expect = store.advance(before)
    store.others = [lambda: store.advance(others)]
    assert store.write("app", b"mine", expect) == str(before + 1)


@pytest.mark.parametrize("before", [0, 1])
@pytest.mark.parametrize("erased", [True, False])
def test_a_writer_that_was_paused_until_its_number_was_pruned_has_written_nothing(
    tmp_path: Path, before: int, erased: bool
) -> None:
    store = RacingStore(tmp_path)
    store.advance(before)
    newest = store.advance(1 if erased else 3 * KEPT_VERSIONS)
    if erased:
        store.delete("app", newest)
    assert not Path(store._path("app", before + 1)).exists()
    # the look before a first write is what a paused writer has behind it
    with pytest.raises(ConflictError):
        store._make("app", before + 1, b"old")
    found = store.read("app")
    assert (found is None) if erased else (found is not None and found.version == newest)
