"""A model that is saved again takes the place of the one in use: no call is refused, and none gets a wrong answer."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from mlem_model.frameworks.callable import CallableModel, ObjectModel
from mlem_model.models.saving import save

MODEL_TYPES = (ObjectModel, CallableModel)


class Model:
    """Answers with its version, and with a file that it waits for."""

    def __init__(self, version: int, *, fails: bool = False, more: bool = False) -> None:
        self.version = version
        self.fails = fails
        if more:
            self.other = lambda path: f"other {path}"

    def predict(self, path: str) -> Any:
        import os
        import time

        if path:
            open(f"{path}.started", "w").close()
        while path and not os.path.exists(path):
            time.sleep(0.001)
        if self.fails and os.environ.get("SERVED"):
            raise ValueError("not here")
        return [self.version, path]


def put(folder: Path, version: int, **how: Any) -> Path:
    methods = ["predict", "other"] if how.get("more") else ["predict"]
    save(Model(version, **how), folder / "model", sample_data="", methods=methods, model_types=MODEL_TYPES)
    return folder / "model"


def took_over(served: Any, version: int) -> bool:
    return bool(served.post("/predict", {"path": ""}).json == [version, ""])


@pytest.mark.parametrize("how", ["watched", "asked"])
def test_under_load_no_call_is_refused_or_wrong(starter: Any, tmp_path: Path, how: str) -> None:
    served = starter.start(put(tmp_path, 1), *(["--reload"] if how == "watched" else []))
    begun = threading.Barrier(4)

    def many() -> list[int]:
        versions: list[int] = []
        until = time.monotonic() + 60
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)) as kept:
            while versions[-1:] != [4] and time.monotonic() < until:
                kept.request("POST", "/predict", json.dumps({"path": ""}), {"content-type": "application/json"})
                response = kept.getresponse()
                body = response.read()
                assert response.status == 200, body
                versions.append(json.loads(body)[0])
                if len(versions) == 1:
                    begun.wait(60)
        return versions

    with ThreadPoolExecutor() as pool:
        askers = [pool.submit(many) for _ in range(3)]
        begun.wait(60)
        for version in (2, 3, 4):
            put(tmp_path, version)
            if how == "asked":
                served.process.send_signal(signal.SIGHUP)
            wait_until(lambda version=version: took_over(served, version))
        for asker in askers:
            versions = asker.result()
            assert (versions == sorted(versions), versions[0], versions[-1]) == (True, 1, 4)
    assert served.log.count("took the place of") == 3
    assert served.process.poll() is None


def test_a_call_that_has_begun_ends_on_the_old_model_which_is_gone_then(starter: Any, tmp_path: Path) -> None:
    served = starter.start(put(tmp_path, 1), "--reload")
    slow, before = tmp_path / "slow", threads(served)
    with ThreadPoolExecutor() as pool:
        old = pool.submit(served.post, "/predict", {"path": str(slow)})
        wait_until(Path(f"{slow}.started").exists)
        put(tmp_path, 2)
        served.log_with("took the place of")
        assert took_over(served, 2)
        assert threads(served) == before + 1
        slow.touch()
        assert old.result().json == [1, str(slow)]
    wait_until(lambda: threads(served) == before)
    assert took_over(served, 2)


def test_one_that_fails_the_gate_takes_no_place(starter: Any, tmp_path: Path) -> None:
    served = starter.start(put(tmp_path, 1), "--reload", env={"SERVED": "1"})
    put(tmp_path, 2, fails=True)
    assert "the model in use stays" in served.log_with("the model in use stays")
    assert (took_over(served, 1), served.get("/readyz").status) == (True, 200)
    metadata = (tmp_path / "model.mlem").read_text()
    (tmp_path / "model.mlem").write_text("no: metadata\n")
    served.log_with("in use stay as they were")
    assert took_over(served, 1)
    (tmp_path / "model.mlem").write_text(metadata)
    put(tmp_path, 3)
    wait_until(lambda: took_over(served, 3))


def test_methods_description_and_metrics_are_those_of_the_new_one(starter: Any, tmp_path: Path) -> None:
    served = starter.start(put(tmp_path, 1), "--reload")
    before = served.get("/interface.json").json["model"]["digest"]
    assert served.post("/other", {"path": ""}).status == 404
    put(tmp_path, 2, more=True)
    wait_until(lambda: took_over(served, 2))
    assert served.post("/other", {"path": "x"}).json == "other x"
    after = served.get("/interface.json").json["model"]["digest"]
    assert served.get("/readyz").json["model"] == after != before
    text = served.get("/metrics").body.decode()
    assert f'mlem_model_info{{digest="{after}",model="model"}} 1.0' in text
    assert f'mlem_model_info{{digest="{before}",model="model"}} 0.0' in text
    assert 'mlem_requests_total{code="200",method="other",model="model"}' in text


def test_each_worker_replaces_its_own(starter: Any, tmp_path: Path) -> None:
    served = starter.start(put(tmp_path, 1), "--workers", "2", "--reload")
    wait_until(lambda: served.log.count("ready: POST") == 2)
    put(tmp_path, 2)
    wait_until(lambda: served.log.count("took the place of") == 2)
    assert all(took_over(served, 2) for _ in range(20))


def threads(served: Any) -> int:
    """How many threads a process has."""
    return len(list(Path(f"/proc/{served.process.pid}/task").iterdir()))
