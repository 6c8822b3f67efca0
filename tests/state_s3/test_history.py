"""Fights over one state on S3, through a proxy that lies: no update is lost, no lock is held twice, nobody is stuck.

``MLEM_TEST_FAULT_SECONDS`` sets the length of the long fight (``nox -s faults``: ten minutes).
"""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from mlem import ABSENT, ConflictError, StateUnknownError
from mlem.state.stores.fsspec import FsspecStateManager
from mlem.state.stores.retrying import RetryingStore
from mlem.testing.history.fight import Fight, Verdict
from mlem.testing.history.operations import Recorder, RecordingStore, linearize, load_history
from mlem.testing.stores.faults import FAULTS, FaultProxy
from mlem_state_s3.state_manager import S3StateManager

SECONDS = float(os.environ.get("MLEM_TEST_FAULT_SECONDS", "20"))
TTL_S = 3.0


def clocks() -> list[Mapping[str, str]]:
    """Return environments whose wall clock is right, five seconds ahead, and five behind."""
    library = Path(sysconfig.get_path("purelib"), "libfaketime", "vendor", "libfaketime", "src", "libfaketime.so.1")
    if not library.exists():
        if os.environ.get("CI") == "true":
            raise FileNotFoundError("libfaketime is not installed: pip install libfaketime")
        return [{}]
    wrong = {"LD_PRELOAD": str(library), "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    return [{}, {**wrong, "FAKETIME": "+5s"}, {**wrong, "FAKETIME": "-5s"}]


def manager(url: str, **fields: Any) -> S3StateManager:
    return S3StateManager(
        **{
            "uri": f"s3://states/{os.urandom(4).hex()}",
            "endpoint_url": url,
            "ttl_s": TTL_S,
            "connect_timeout_s": 2,
            "read_timeout_s": 3,
            **fields,
        }
    )


@pytest.fixture
def proxy(seaweedfs: Any) -> Iterator[FaultProxy]:
    with FaultProxy(seaweedfs.port, rate=0.15, seed=7).running() as running:
        yield running


def tell(verdict: Verdict, proxy: FaultProxy | None = None) -> None:
    print(verdict, dict(proxy.counts) if proxy else "")


def test_killed_paused_and_lied_to_nothing_gets_lost(seaweedfs: Any, proxy: FaultProxy, tmp_path: Path) -> None:
    lied_to = manager(proxy.url)
    fight = Fight(lied_to, tmp_path, SECONDS, environments=clocks(), seed=1)
    verdict = fight.run(check=lied_to.model_copy(update={"endpoint_url": seaweedfs.url}))
    tell(verdict, proxy)
    assert verdict.clean, verdict
    assert verdict.done >= SECONDS / 5
    if SECONDS >= 60:
        assert set(FAULTS) <= proxy.counts.keys()


def test_through_s3fs_nothing_gets_lost_either(seaweedfs: Any, tmp_path: Path) -> None:
    pytest.importorskip("s3fs")
    with FaultProxy(seaweedfs.port, rate=0.1, seed=8, longest_s=0.3).running() as proxy:
        uri = f"s3://states/{os.urandom(4).hex()}"
        lied_to = FsspecStateManager(uri=uri, ttl_s=TTL_S, storage_options={"endpoint_url": proxy.url})
        right = FsspecStateManager(uri=uri, ttl_s=TTL_S, storage_options={"endpoint_url": seaweedfs.url})
        verdict = Fight(lied_to, tmp_path, min(SECONDS, 60) / 2, count=3, seed=2).run(check=right)
    tell(verdict, proxy)
    assert verdict.clean, verdict
    assert verdict.done > 0


def test_on_files_nothing_gets_lost(tmp_path: Path) -> None:
    files = FsspecStateManager(uri=(tmp_path / "states").as_uri(), ttl_s=1)
    verdict = Fight(files, tmp_path / "fight", min(SECONDS, 60) / 3, seed=3).run()
    tell(verdict)
    assert verdict.clean, verdict
    assert verdict.done > 10


# The negative controls: what finds nothing there would find nothing here.


def test_without_compare_and_swap_the_check_fails(tmp_path: Path) -> None:
    files = FsspecStateManager(uri=(tmp_path / "states").as_uri(), ttl_s=1)
    verdict = Fight(files, tmp_path / "fight", 6, count=4, chaos=False, task={"cas": False, "pause_s": 0.05}).run()
    tell(verdict)
    assert not verdict.clean
    assert verdict.interleavings or not verdict.linearizable
    assert verdict.lost


class Impatient(RetryingStore):
    """Waits for reads, not for writes: their answers are what is looked at."""

    def write(self, name: str, data: bytes, expect: str) -> str:
        return self.inner.write(name, data, expect)


def test_on_a_store_that_loses_swaps_the_check_fails(tmp_path: Path, racy_moto: Any) -> None:
    """Eight clients swap the same version at the same moment, again and again."""
    store = Impatient(manager(racy_moto.url).open_store(tmp_path))
    clients = [RecordingStore(store, Recorder(tmp_path / f"{number}.log"), f"w{number}") for number in range(8)]
    barrier = Barrier(len(clients))

    def swap(client: RecordingStore) -> None:
        found = client.read("app")
        barrier.wait(60)
        with suppress(ConflictError, StateUnknownError):  # it also answers 500 now and then
            client.write("app", os.urandom(8).hex().encode(), found.version if found else ABSENT)

    for turn in range(1, 401):
        with ThreadPoolExecutor(len(clients)) as pool:
            list(pool.map(swap, clients))
        if turn % 20 == 0 and linearize(load_history(sorted(tmp_path.glob("*.log")), "app")) is None:
            print(f"found after {turn} turns")
            return
    pytest.fail("no swap got lost")
