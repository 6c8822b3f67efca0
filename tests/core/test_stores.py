"""The core's state managers pass the conformance suites: local files, and fsspec on files and in memory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar

import pytest

from mlem.state_manager import StateManager
from mlem.stores.fsspec import FsspecStateManager
from mlem.stores.local import LocalStateManager
from mlem.testing.store_suite import StateManagerSuite, StoreSuite


class LocalFixtures:
    def manager(self, tmp_path: Path) -> StateManager:
        return LocalStateManager()


class TestLocal(LocalFixtures, StateManagerSuite):
    pass


class FileFixtures:
    def manager(self, tmp_path: Path) -> StateManager:
        return FsspecStateManager(uri=(tmp_path / "shared").as_uri(), ttl_s=3)


class TestFsspecOnFiles(FileFixtures, StoreSuite):
    pass


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
