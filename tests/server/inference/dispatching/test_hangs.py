"""A model that does not come back is noticed and told, and its process is replaced; a slow one is left alone."""

from __future__ import annotations

import http.client
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from waiting import wait_until

from mlem_model.frameworks.callable import CallableModel, ObjectModel
from mlem_model.models.saving import save

MODEL_TYPES = (ObjectModel, CallableModel)
BOUNDS = ("--request-timeout-s", "1", "--hang-timeout-s", "3")


@pytest.fixture(scope="module")
def hanging_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that hangs, or ends its process, in each way that it is asked for."""

    class Hanging:
        def predict(self, how: str) -> str:
            import ctypes
            import threading

            if how == "loop":
                while True:
                    pass
            if how == "lock":
                lock = threading.Lock()
                with lock:
                    lock.acquire()
            if how == "C":
                ctypes.PyDLL(None).sleep(1000)
            if how == "crash":
                ctypes.string_at(0)
            time.sleep(0)
            return how

        async def later(self, how: str) -> str:
            import asyncio

            while how == "blocks":
                time.sleep(0.01)
            while how == "stays":
                try:
                    await asyncio.sleep(1000)
                except asyncio.CancelledError:
                    continue
            return how

        def items(self, how: str) -> Any:
            yield 0
            while how == "loop":
                pass

    path = tmp_path_factory.mktemp("hanging") / "hanging"
    save(Hanging(), path, sample_data="well", methods=["predict", "later", "items"], model_types=MODEL_TYPES)
    return path


def metric(served: Any, name: str) -> float:
    lines = [line.split() for line in served.get("/metrics").body.decode().splitlines()]
    return sum(float(line[1]) for line in lines if len(line) == 2 and line[0].partition("{")[0] == name)


@pytest.mark.parametrize(("how", "quick"), [("loop", 0), ("lock", 0), ("loop", 100)])
def test_a_model_that_hangs_ends_the_process_and_everybody_gets_an_answer(
    starter: Any, hanging_model: Path, how: str, quick: int
) -> None:
    served = starter.start(hanging_model, *BOUNDS)
    for _ in range(quick):  # the event loop calls a quick model itself
        assert served.post("/predict", {"how": "well"}).status == 200
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(served.post, "/predict", {"how": how}, {"x-request-id": "the-one"})
        wait_until(lambda: metric(served, "mlem_in_flight") == 1)
        wait_until(lambda: served.get("/readyz").status == 503)
        busy = served.get("/readyz").json
        answered = served.post("/predict", {"how": "well"})
        late = metric(served, "mlem_late_calls_total")
        assert (first.result().status, first.result().json["error"]["code"]) == (503, "timed-out")
    assert (busy["status"], late, answered.json["error"]["code"]) == ("busy", 1, "model-busy")
    assert served.process.wait(60) == 11
    assert "request the-one: predict has been at work for" in served.log
    assert "request the-one: predict hangs" in served.log
    assert "in predict" in served.log
    assert "error[model-hangs]" in served.log


def test_a_stream_that_hangs_is_told_by_its_request_and_one_that_waits_for_its_caller_is_not(
    starter: Any, hanging_model: Path
) -> None:
    served = starter.start(hanging_model, *BOUNDS)
    assert served.post("/items", {"how": "well"}).body == b"0\n"
    with pytest.raises(http.client.IncompleteRead) as broken:
        served.post("/items", {"how": "loop"}, {"x-request-id": "a-stream"})
    assert b'"timed-out"' in broken.value.partial
    assert served.process.wait(60) == 11
    assert "request a-stream: items hangs" in served.log


@pytest.mark.parametrize("how", ["blocks", "stays"])
def test_an_async_method_that_blocks_or_ignores_its_end_is_noticed(starter: Any, hanging_model: Path, how: str) -> None:
    served = starter.start(hanging_model, *BOUNDS)
    assert served.post("/later", {"how": how}, {"x-request-id": "async"}).status == 503
    assert served.process.wait(60) == 11
    assert "request async: later hangs" in served.log


def test_a_call_that_takes_longer_than_its_caller_waits_is_told_and_the_server_is_ready_when_it_ends(
    starter: Any, file_model: Path, tmp_path: Path
) -> None:
    served = starter.start(file_model, "--request-timeout-s", "0.5", "--hang-timeout-s", "0")
    assert served.post("/predict", {"path": str(tmp_path / "go")}).json["error"]["code"] == "timed-out"
    wait_until(lambda: served.get("/readyz").json["status"] == "busy")
    (tmp_path / "go").touch()
    wait_until(lambda: served.get("/readyz").status == 200)
    assert served.post("/predict", {"path": str(tmp_path / "go")}).status == 200
    assert "the model file has come back" in served.log


def test_a_model_that_holds_pythons_lock_is_ended_and_says_where(starter: Any, hanging_model: Path) -> None:
    served = starter.start(hanging_model, *BOUNDS)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(served.post, "/predict", {"how": "C"})  # its connection is lost
        assert served.process.wait(60) == -signal.SIGALRM
    assert "gives no sign of life" in served.log
    assert "in predict" in served.log


def test_loading_may_hold_pythons_lock_for_longer_than_a_call_may(starter: Any, tmp_path: Path) -> None:
    class Slow:
        def __setstate__(self, state: Any) -> None:
            import ctypes

            ctypes.PyDLL(None).sleep(6)

        def __getstate__(self) -> Any:
            return {"a": 1}

        def __call__(self, x: int) -> int:
            return x

    save(Slow(), tmp_path / "slow", sample_data=1, model_types=MODEL_TYPES)
    served = starter.start(tmp_path / "slow", *BOUNDS, wait=False)
    wait_until(lambda: "ready: POST" in served.log)
    assert served.post("/predict", {"x": 1}).status == 200
    assert "sign of life" not in served.log


def test_the_guard_ends_with_the_server(starter: Any, file_model: Path) -> None:
    served = starter.start(file_model)
    (guard,) = psutil.Process(served.process.pid).children()
    wait_until(
        lambda: (guard.name(), guard.cmdline()[0]) == ("mlem-guard", "mlem-guard")
    )  # it does not look like another server
    assert "-m" not in guard.cmdline()
    served.process.kill()
    served.process.wait()
    guard.wait(30)


def test_workers_that_hang_are_replaced_while_the_others_answer(starter: Any, hanging_model: Path) -> None:
    served = starter.start(hanging_model, *BOUNDS, "--workers", "2")
    wait_until(lambda: served.log.count("ready: POST") == 2)
    served.post("/predict", {"how": "loop"})
    wait_until(lambda: "ended with code 11: its model hangs" in served.log)
    assert served.post("/predict", {"how": "well"}).status == 200
    wait_until(lambda: served.log.count("ready: POST") == 3)
    assert (metric(served, "mlem_hangs_total"), metric(served, "mlem_in_flight")) == (1, 0)


def test_workers_that_give_no_sign_of_life_are_replaced(starter: Any, hanging_model: Path) -> None:
    served = starter.start(hanging_model, *BOUNDS, "--workers", "2")
    wait_until(lambda: served.log.count("ready: POST") == 2)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(served.post, "/predict", {"how": "C"})  # its connection is lost
        wait_until(lambda: "was ended by SIGALRM: it gave no sign of life" in served.log)
    wait_until(lambda: served.log.count("ready: POST") == 3)
    assert "in predict" in served.log
    assert metric(served, "mlem_worker_ends_total") == 1


def test_callers_that_crash_workers_do_not_end_the_server(starter: Any, hanging_model: Path) -> None:
    served = starter.start(hanging_model, "--workers", "2")
    wait_until(lambda: served.log.count("ready: POST") == 2)
    for count in range(4):
        with pytest.raises(OSError):  # noqa: PT011  # reset, or closed without an answer
            served.post("/predict", {"how": "crash"})
        wait_until(lambda count=count: served.log.count("was ended by SIGSEGV") == count + 1)
    wait_until(
        lambda: served.post("/predict", {"how": "well"}).status == 200
    )  # the first that comes back says that it loads
    assert "Segmentation fault" in served.log
    assert "in string_at" in served.log
    wait_until(lambda: metric(served, "mlem_in_flight") == 0)
    assert 'mlem_worker_ends_total{how="SIGSEGV"} 4.0' in served.get("/metrics").body.decode()


def test_a_bound_below_what_a_call_may_take_is_wrong_usage(starter: Any, file_model: Path) -> None:
    served = starter.start(file_model, "--hang-timeout-s", "5", wait=False)
    assert served.process.wait(60) == 2
    assert "--hang-timeout-s: 5 s is less than the 60 s that a call may take" in served.log
