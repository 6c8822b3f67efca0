"""S3 passes the conformance suites: with boto3 and with s3fs, on SeaweedFS; with boto3 on moto, as far as moto goes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mlem import StateManager
from mlem.state.stores.fsspec import FsspecStateManager
from mlem.testing import StateManagerFixtures, StateManagerSuite, StoreSuite
from mlem_state_s3.state_manager import S3StateManager


class S3Fixtures(StateManagerFixtures):
    @pytest.fixture(autouse=True)
    def _server(self, seaweedfs: Any) -> None:
        self.server = seaweedfs
        self.path = os.urandom(4).hex()

    def environment(self) -> Mapping[str, str]:
        found: Mapping[str, str] = self.server.environment
        return found

    def manager(self, tmp_path: Path) -> StateManager:
        return S3StateManager(uri=f"s3://states/{self.path}", endpoint_url=self.server.url, ttl_s=3)


class TestSeaweed(S3Fixtures, StoreSuite):
    pass


class TestSeaweedLocks(S3Fixtures, StateManagerSuite):
    pass


class Erasing(S3Fixtures):
    """As on a server that deletes without a condition."""

    def manager(self, tmp_path: Path) -> StateManager:
        return S3StateManager(
            uri=f"s3://states/{self.path}", endpoint_url=self.server.url, ttl_s=3, conditional_delete=False
        )


class TestSeaweedWithoutConditionalDelete(Erasing, StoreSuite):
    many = 100  # each name is read to tell it from an erased one

    def test_an_erased_name_is_not_listed(self, store: Any) -> None:
        version = store.write("iris", b"x", "")
        store.write("rose", b"x", "")
        store.delete("iris", version)
        assert list(store.names()) == ["rose"]


class TestSeaweedWithoutConditionalDeleteLocks(Erasing, StateManagerSuite):
    pass


class S3fsFixtures(S3Fixtures):
    def manager(self, tmp_path: Path) -> StateManager:
        pytest.importorskip("s3fs")
        return FsspecStateManager(
            uri=f"s3://states/{self.path}", ttl_s=3, storage_options={"endpoint_url": self.server.url}
        )


class TestS3fsOnSeaweed(S3fsFixtures, StoreSuite):
    pass


class TestS3fsOnSeaweedLocks(S3fsFixtures, StateManagerSuite):
    pass


class MotoFixtures(S3Fixtures):
    @pytest.fixture(autouse=True)
    def _server(self, moto: Any) -> None:
        self.server = moto
        self.path = os.urandom(4).hex()


RACY = "moto's conditions are right but not atomic"


class TestMoto(MotoFixtures, StoreSuite):
    @pytest.mark.xfail(reason=RACY, run=False)
    def test_of_many_creators_at_once_one_wins(self, store: Any) -> None: ...

    @pytest.mark.xfail(reason=RACY, run=False)
    def test_of_many_who_swap_one_version_one_wins(self, store: Any) -> None: ...

    @pytest.mark.xfail(reason=RACY, run=False)
    def test_no_swap_gets_lost_between_processes(self, managed: Any, store: Any, tmp_path: Path) -> None: ...


class TestMotoLocks(MotoFixtures, StateManagerSuite):
    @pytest.mark.xfail(reason=RACY, run=False)
    def test_processes_take_turns_and_no_update_gets_lost(self, managed: Any, store: Any, tmp_path: Path) -> None: ...
