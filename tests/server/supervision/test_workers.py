from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any, cast

import psutil
import pytest
from waiting import wait_until


def serving(served: Any) -> list[psutil.Process]:
    """Return the processes that serve, or are about to: the one that they are forked from does not."""
    return [
        child
        for child in psutil.Process(served.process.pid).children()
        if child.status() != psutil.STATUS_ZOMBIE and child.name() != "mlem-template"
    ]


def workers(served: Any, count: int = 2) -> list[psutil.Process]:
    """Return the processes that serve, once there are so many.

    A worker may be ready before the process that it was forked from has handed it over.
    """
    return cast("list[psutil.Process]", wait_until(lambda: found if len(found := serving(served)) == count else None))


@pytest.fixture
def two(starter: Any, file_model: Path) -> Any:
    served = starter.start(file_model, "--workers", "2")
    wait_until(lambda: served.log.count("ready: POST") == 2)
    return served


def test_workers_share_a_port_and_their_numbers_are_summed(two: Any) -> None:
    for _ in range(20):
        assert two.post("/predict", {"path": os.devnull}).json == os.devnull
    assert b'mlem_requests_total{code="200",method="predict",model="file"} 20.0' in two.get("/metrics").body
    two.process.terminate()
    assert two.process.wait(timeout=60) == 0
    assert "Traceback" not in two.log


def test_a_worker_that_dies_is_replaced(two: Any) -> None:
    victim = workers(two)[0]
    victim.kill()
    wait_until(lambda: two.log.count("ready: POST") == 3)
    assert victim.pid not in {worker.pid for worker in workers(two)}
    assert two.post("/predict", {"path": os.devnull}).status == 200


def test_while_a_worker_loads_the_others_answer(starter: Any, slow_model: tuple[Path, Path]) -> None:
    model, go_on = slow_model
    go_on.touch()
    served = starter.start(model, "--workers", "2", "--no-fork")
    wait_until(lambda: served.log.count("ready: POST") == 2)
    go_on.unlink()
    workers(served)[0].kill()
    wait_until(lambda: served.log.count("loading the model") == 3)
    assert {served.post("/predict", {"x": 1}).status for _ in range(50)} == {200}
    go_on.touch()
    wait_until(lambda: served.log.count("ready: POST") == 3)
    assert {served.post("/predict", {"x": 1}).status for _ in range(50)} == {200}


def test_no_worker_outlives_the_process_that_watches_it(two: Any) -> None:
    children = workers(two)
    two.process.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children))


def test_workers_that_can_not_start_end_the_server_with_their_code(starter: Any, tmp_path: Path) -> None:
    served = starter.start(tmp_path / "nothing", "--workers", "2", wait=False)
    assert served.process.wait(timeout=60) == 3


@pytest.mark.parametrize("options", [(), ("--workers", "2")])
def test_a_hangup_without_a_terminal_ends_nothing(starter: Any, file_model: Path, options: tuple[str, ...]) -> None:
    served = starter.start(file_model, *options, prefix=("setsid",))
    count = 2 if options else 1
    wait_until(lambda: served.log.count("ready: POST") == count)
    before = sorted(child.pid for child in (workers(served) if options else serving(served)))
    for _ in range(3):
        served.process.send_signal(signal.SIGHUP)
        assert served.get("/healthz").status == 200
    assert (sorted(child.pid for child in serving(served)), served.process.poll()) == (before, None)


def test_a_worker_that_ends_before_it_was_ready_is_no_reason_to_end_the_others(
    starter: Any, slow_model: tuple[Path, Path]
) -> None:
    model, go_on = slow_model
    go_on.touch()
    served = starter.start(model, "--workers", "2", "--no-fork")
    wait_until(lambda: served.log.count("ready: POST") == 2)
    artifact = model.with_name(model.name)
    assert artifact.is_file()
    content = artifact.read_bytes()
    artifact.write_bytes(b"something else")
    workers(served)[0].kill()
    wait_until(lambda: served.log.count("ended with code 4") >= 2)
    assert served.post("/predict", {"x": 1}).status == 200
    artifact.write_bytes(content)
    wait_until(lambda: served.log.count("ready: POST") == 3)
    workers(served)
