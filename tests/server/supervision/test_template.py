"""Workers that are forked from a template: they share its memory, and nothing else that would be noticed."""

from __future__ import annotations

import http.client
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import psutil
import pytest
from waiting import wait_until

from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="only Linux says what a fork would share")

LARGE_BYTES = 100 * 2**20


class Model:
    """A model that does something when it is loaded, and answers with its process and what it is asked for."""

    def __init__(
        self, load: Callable[[Any], None], answer: Callable[[Any, str], Any] = lambda _self, what: what
    ) -> None:
        self.load = load
        self.answer = answer

    def __setstate__(self, state: dict[str, Any]) -> None:
        import os

        self.__dict__.update(state)
        self.loaded_in = os.getpid()
        self.load(self)

    def __call__(self, what: str) -> list[Any]:
        import os

        return [] if not what else [os.getpid(), self.answer(self, what)]


def nothing(model: Any) -> None:
    pass


def saved(folder: Path, load: Callable[[Any], None] = nothing, *answer: Callable[[Any, str], Any]) -> Path:
    save(Model(load, *answer), folder / "model", sample_data="", model_types=(CallableModel,))
    return folder / "model"


def family(served: Any) -> dict[str, list[psutil.Process]]:
    """Return the processes under the one that watches them, by name."""
    found: dict[str, list[psutil.Process]] = {"mlem-template": [], "others": []}
    for child in psutil.Process(served.process.pid).children():
        if child.status() != psutil.STATUS_ZOMBIE:
            found["mlem-template" if child.name() == "mlem-template" else "others"].append(child)
    return found


def everybody(served: Any) -> list[psutil.Process]:
    """Return all processes under the one that watches them."""
    return [one for some in family(served).values() for one in some]


def both_ready(served: Any, count: int = 2) -> None:
    wait_until(lambda: served.log.count("ready: POST") == count or served.process.poll() is not None)
    assert served.process.poll() is None, served.log


def answers(served: Any, what: str, least: int) -> dict[int, list[Any]]:
    """Ask until each of two workers has answered so many times; return the answers by process."""
    found: dict[int, list[Any]] = {}
    for _ in range(1000):
        pid, answer = served.post("/predict", {"what": what}).json
        found.setdefault(pid, []).append(answer)
        if len(found) == 2 and min(map(len, found.values())) >= least:
            return found
    raise AssertionError({pid: len(one) for pid, one in found.items()})


def memory_bytes(served: Any) -> int:
    """What the processes of a server have, shared pages divided among them."""
    process = psutil.Process(served.process.pid)
    return sum(one.memory_full_info().pss for one in (process, *process.children(recursive=True)))


@pytest.fixture
def large(tmp_path: Path) -> Path:
    weights = numpy.random.default_rng(0).random(LARGE_BYTES // 8)

    def predict(X: numpy.ndarray[Any, Any]) -> Any:
        return X @ weights[: X.shape[1]]

    save(predict, tmp_path / "large", sample_data=numpy.ones((1, 3)), model_types=(CallableModel,))
    return tmp_path / "large"


def test_two_workers_take_little_more_memory_than_one(starter: Any, large: Path) -> None:
    one = starter.start(large)
    two = starter.start(large, "--workers", "2")
    both_ready(two)
    for served in (one, two):
        for _ in range(1000):
            assert served.post("/predict", {"X": [[1.0, 2.0, 3.0]]}).status == 200
    assert memory_bytes(one) > LARGE_BYTES
    assert memory_bytes(two) < 1.3 * memory_bytes(one)


def test_each_worker_has_random_numbers_of_its_own(starter: Any, tmp_path: Path) -> None:
    def draw(_model: Any, what: str) -> float:
        import random

        return float(numpy.random.random() if what == "numpy" else random.random())

    served = starter.start(saved(tmp_path, nothing, draw), "--workers", "2")
    both_ready(served)
    for what in ("numpy", "python"):
        first, second = answers(served, what, 3).values()
        assert not {*first} & {*second}
    assert len(family(served)["mlem-template"]) == 1


def test_a_killed_worker_comes_back_without_loading_the_model(starter: Any, tmp_path: Path) -> None:
    served = starter.start(saved(tmp_path, nothing, lambda model, _what: model.loaded_in), "--workers", "2")
    both_ready(served)
    (template,) = family(served)["mlem-template"]
    family(served)["others"][0].kill()
    both_ready(served, 3)
    assert {answer for one in answers(served, "where", 1).values() for answer in one} == {template.pid}
    assert served.log.count("loading the model") == 1


def test_a_worker_that_comes_back_has_the_model_that_was_saved_meanwhile(starter: Any, tmp_path: Path) -> None:
    served = starter.start(saved(tmp_path, nothing, lambda _model, _what: 1), "--workers", "2")
    both_ready(served)
    saved(tmp_path, nothing, lambda _model, _what: 2)
    wait_until(lambda: not family(served)["mlem-template"])
    family(served)["others"][0].kill()
    both_ready(served, 3)
    assert sorted(answer for one in answers(served, "which", 1).values() for answer in {*one}) == [1, 2]


def test_workers_serve_on_and_come_back_when_the_template_is_killed(starter: Any, tmp_path: Path) -> None:
    served = starter.start(saved(tmp_path), "--workers", "2")
    both_ready(served)
    family(served)["mlem-template"][0].kill()
    served.log_with("which workers are forked from, was ended by SIGKILL")
    assert len(answers(served, "x", 1)) == 2
    family(served)["others"][0].kill()
    both_ready(served, 3)
    assert len(answers(served, "x", 1)) == 2


def thread(model: Any) -> None:
    import threading

    threading.Thread(target=threading.Event().wait, daemon=True).start()


def connection(model: Any) -> None:
    import socket

    model.__dict__["ends"] = [one.detach() for one in socket.socketpair()]


def process(model: Any) -> None:
    import subprocess

    model.__dict__["child"] = subprocess.Popen(["sleep", "60"]).pid


def seed(model: Any) -> None:
    import numpy as np

    np.random.seed(1)


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (thread, "left a thread running"),
        (connection, "left socket:"),
        (process, "left a process running"),
        (seed, "has seeded the random numbers of numpy"),
    ],
)
def test_what_a_fork_would_share_or_lose_has_each_worker_load_the_model(
    starter: Any, tmp_path: Path, load: Callable[[Any], None], reason: str
) -> None:
    served = starter.start(saved(tmp_path, load, lambda model, _what: model.loaded_in), "--workers", "2")
    both_ready(served)
    assert reason in served.log
    assert served.log.count("each worker loads the model by itself") == 1
    assert all({*loaded_in} == {pid} for pid, loaded_in in answers(served, "where", 1).items())
    wait_until(lambda: not family(served)["mlem-template"])


def test_a_model_that_does_not_work_in_a_fork_is_loaded_by_each_worker(starter: Any, tmp_path: Path) -> None:
    class Particular:
        """A model that works in the process that loaded it only."""

        def __setstate__(self, state: dict[str, Any]) -> None:
            import os

            self.loaded_in = os.getpid()

        def __getstate__(self) -> dict[str, Any]:
            return {"some": "thing"}

        def __call__(self, what: str) -> list[Any]:
            import os

            if getattr(self, "loaded_in", os.getpid()) != os.getpid():
                raise RuntimeError("in a fork")
            return [] if not what else [os.getpid(), what]

    save(Particular(), tmp_path / "model", sample_data="", model_types=(CallableModel,))
    served = starter.start(tmp_path / "model", "--workers", "2")
    both_ready(served)
    assert "each worker loads the model by itself" in served.log
    assert len(answers(served, "x", 1)) == 2


def test_a_model_of_scikit_learn_and_frames_is_shared(starter: Any, iris_model: Path) -> None:
    served = starter.start(iris_model, "--workers", "2")
    both_ready(served)
    assert len(family(served)["mlem-template"]) == 1
    assert "each worker loads the model by itself" not in served.log


def test_without_forks_each_worker_loads_the_model(starter: Any, tmp_path: Path) -> None:
    model = saved(tmp_path, nothing, lambda model, _what: model.loaded_in)
    served = starter.start(model, "--workers", "2", "--no-fork")
    both_ready(served)
    assert all({*loaded_in} == {pid} for pid, loaded_in in answers(served, "where", 1).items())


def test_nothing_outlives_the_process_that_watches_it(starter: Any, tmp_path: Path) -> None:
    served = starter.start(saved(tmp_path), "--workers", "2")
    both_ready(served)
    # a worker is handed over to the watching process when what has forked it ends
    children = wait_until(lambda: found if len(found := everybody(served)) == 3 else None)
    served.process.send_signal(signal.SIGKILL)
    wait_until(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in children))


@pytest.mark.parametrize("options", [(), ("--no-fork",)])
def test_an_artifact_that_was_changed_ends_the_server_with_its_code(
    starter: Any, tmp_path: Path, options: tuple[str, ...]
) -> None:
    model = saved(tmp_path)
    model.write_bytes(b"something else")
    served = starter.start(model, "--workers", "2", *options, wait=False)
    assert served.process.wait(60) == 4
    assert "error[" in served.log
    assert "ended with code 4 before its model was loaded; the server ends" in served.log


@pytest.mark.parametrize("options", [(), ("--no-fork",)])
def test_a_wrong_sample_answer_ends_the_server_with_its_code(
    starter: Any, tmp_path: Path, options: tuple[str, ...]
) -> None:
    def predict(path: str) -> bool:
        import os

        return os.path.exists(path)

    there = tmp_path / "there"
    there.touch()
    save(predict, tmp_path / "model", sample_data=str(there), model_types=(CallableModel,))
    there.unlink()
    served = starter.start(tmp_path / "model", "--workers", "2", *options, wait=False)
    assert served.process.wait(60) == 8


def test_while_the_template_loads_the_model_the_server_is_alive_and_can_be_stopped(
    starter: Any, slow_model: tuple[Path, Path]
) -> None:
    model, go_on = slow_model
    go_on.touch()
    both_ready(starter.start(model, "--workers", "2"))
    go_on.unlink()
    served = starter.start(model, "--workers", "2", wait=False)
    wait_until(lambda: served.log.count("loading the model") == 1)
    assert (served.get("/healthz").status, served.get("/readyz").status) == (200, 503)
    assert served.post("/predict", {"x": 1}).headers["retry-after"] == "1"
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(60) == 0


def test_callers_who_connected_while_the_model_was_loaded_are_not_reset(
    starter: Any, slow_model: tuple[Path, Path]
) -> None:
    model, go_on = slow_model
    served = starter.start(model, "--workers", "2", wait=False)
    wait_until(lambda: served.log.count("loading the model") == 1)
    kept = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    kept.request("GET", "/readyz")
    assert kept.getresponse().read()
    go_on.touch()
    statuses = []
    wait_until(lambda: statuses.append(served.post("/predict", {"x": 1}).status) or statuses[-1] == 200)
    assert {*statuses} <= {503, 200}
    both_ready(served)
    assert {served.post("/predict", {"x": 1}).status for _ in range(50)} == {200}
    assert "each worker loads the model by itself" not in served.log
    kept.close()
