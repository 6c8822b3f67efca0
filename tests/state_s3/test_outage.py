"""A store that goes away in the middle of a run: comes back in time, or does not."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mlem import State, StateUnknownError
from mlem.state.locks.owner import new_lock
from mlem.state.locks.request import LockRequest
from mlem.testing.stores.faults import FaultProxy
from mlem_state_s3.state_manager import S3StateManager

INITIAL = State(type="fake", lineage="d" * 32)


def manager(url: str, **fields: Any) -> S3StateManager:
    uri = f"s3://states/{os.urandom(4).hex()}"
    return S3StateManager(**{"uri": uri, "endpoint_url": url, "connect_timeout_s": 2, "read_timeout_s": 3, **fields})


def test_a_store_that_is_killed_and_comes_back_has_every_step(seaweedfs: Any, tmp_path: Path) -> None:
    """The session's own server gives the keys; this test kills one of its own."""
    import s3_servers

    folder = tmp_path / "server"
    with ExitStack() as stack:
        first = stack.enter_context(s3_servers.seaweedfs(folder))
        s3_servers.make_bucket(first, "states")
        proxy = stack.enter_context(FaultProxy(first.port, rate=0).running())
        states = manager(proxy.url, ttl_s=600, settle_timeout_s=200)
        store = states.store(tmp_path)

        def restart() -> None:
            proxy.upstream = stack.enter_context(s3_servers.seaweedfs(folder)).port

        with states.session(LockRequest(store, "app", new_lock("run"), initial=INITIAL)) as session:
            assert session.state is not None
            session.save(session.state.with_record("image", {"id": "1"}))
            os.killpg(first.process.pid, signal.SIGKILL)
            first.process.wait()
            restarting = threading.Thread(target=restart)
            restarting.start()
            session.save(session.state.with_record("server", {"id": "2"}))
            restarting.join()
        found = store.read("app")
        assert found is not None
        state = State.from_bytes(found.data, "test")
        assert (state.records, state.serial, state.lock) == ({"image": {"id": "1"}, "server": {"id": "2"}}, 2, None)


def test_when_it_does_not_come_back_the_state_is_kept_and_can_be_pushed(seaweedfs: Any, tmp_path: Path) -> None:
    with FaultProxy(seaweedfs.port, rate=0).running() as proxy:
        states = manager(proxy.url, ttl_s=3)
        store = states.store(tmp_path)
        with states.session(LockRequest(store, "app", new_lock("run"), initial=INITIAL)) as session:
            assert session.state is not None
            wanted = session.state.with_record("image", {"id": "1"})
            proxy.upstream = 9  # nobody listens there
            with pytest.raises(StateUnknownError, match="the state is kept in") as caught:
                session.save(wanted)
            assert caught.value.hint == "when the store answers again: mlem deployment state push app"
            proxy.upstream = seaweedfs.port
        kept = State.from_bytes((tmp_path / "app.errored.mlem.state").read_bytes(), "kept")
        assert (kept.records, kept.serial, kept.lock) == ({"image": {"id": "1"}}, 1, None)
