"""Calls are recorded for later: what is in a line, what is not, and what happens where there is no room."""

from __future__ import annotations

import gzip
import json
import os
import stat
import time
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from waiting import wait_until

from mlem_model.data.formats.binary import NPY
from mlem_model.errors import NotFoundError
from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save
from mlem_server.http.request import Request
from mlem_server.http.response import Response
from mlem_server.recording.recorder import Recorder
from mlem_server.recording.store import Store

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
TOKEN = "the-token-that-nobody-may-read"  # of this test alone


def recorded(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.rglob("*.jsonl.gz"))
    return [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).splitlines()]


def stopped(served: Any) -> None:
    served.process.terminate()
    assert served.process.wait(60) == 0


def test_a_line_has_the_call_and_its_answer_and_no_secret(starter: Any, iris_model: Path, tmp_path: Path) -> None:
    served = starter.start(
        iris_model, "--record", str(tmp_path / "calls"), env={"MLEM_SERVER_TOKENS": f"nightly-job {TOKEN}"}
    )
    head = {"authorization": f"Bearer {TOKEN}", "x-request-id": "the-one"}
    served.request(
        "POST", "/predict", json.dumps({"X": [ROW]}, indent=2).encode(), {**head, "content-type": "application/json"}
    )
    served_digest = served.get("/readyz").json["model"]
    served.post("/predict", {"X": "wrong"}, {"authorization": f"Bearer {TOKEN}"})
    served.post("/predict", {"X": [ROW]}, {"authorization": "Bearer wrong"})
    served.get("/interface.json", head)
    stopped(served)
    first, second = recorded(tmp_path / "calls")
    assert (first["request"]["json"], first["answer"]["json"]) == ({"X": [ROW]}, [0])
    assert {name: first[name] for name in ("request_id", "model", "method", "caller", "status")} == {
        "request_id": "the-one",
        "model": "iris",
        "method": "predict",
        "caller": "nightly-job",
        "status": 200,
    }
    assert first["digest"] == served_digest
    assert (second["status"], second["answer"]["json"]["error"]["code"]) == (422, "bad-data")
    everything = b"".join(gzip.decompress(file.read_bytes()) for file in (tmp_path / "calls").rglob("*.gz"))
    assert TOKEN.encode() not in everything


def test_binary_bodies_packed_ones_and_nan_are_kept(starter: Any, tmp_path: Path) -> None:
    array = numpy.array([[1.0, 2.0]])
    save(lambda X: X.sum(axis=1), tmp_path / "sums", sample_data=array, model_types=(CallableModel,))
    served = starter.start(tmp_path / "sums", "--record", f"file://{tmp_path}/calls")
    from io import BytesIO

    numpy.save(file := BytesIO(), array)
    served.request("POST", "/predict", file.getvalue(), {"content-type": NPY})
    packed = gzip.compress(b'{"X": [[3, 4]]}')
    served.request("POST", "/predict", packed, {"content-type": "application/json", "content-encoding": "gzip"})
    served.request("POST", "/predict", b'{"X": [[NaN, 4]]}', {"content-type": "application/json"})
    served.post("/predict", {"X": numpy.ones((40_000, 2)).tolist()})
    stopped(served)
    lines = recorded(tmp_path / "calls")
    kinds = [sorted(set(line["request"]) & {"json", "text", "base64"}) for line in lines]
    assert kinds == [["base64"], ["json"], ["text"], []]
    assert lines[1]["request"]["json"] == {"X": [[3, 4]]}
    assert lines[3]["request"]["size_bytes"] > 2**18


def test_a_share_is_a_sample(starter: Any, iris_model: Path, tmp_path: Path) -> None:
    served = starter.start(iris_model, "--record", str(tmp_path / "calls"), "--record-share", "0.2")
    for _ in range(300):
        served.post("/predict", {"X": [ROW]})
    stopped(served)
    assert 20 < len(recorded(tmp_path / "calls")) < 120


def test_a_folder_that_can_not_be_written_ends_the_start(starter: Any, iris_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    served = starter.start(iris_model, "--record", str(tmp_path / "file" / "calls"), wait=False)
    assert served.process.wait(60) in (2, 3, 5, 7)
    assert ("can't write to" in served.log, "Traceback" in served.log) == (True, False)


def test_several_workers_write_beside_each_other(starter: Any, iris_model: Path, tmp_path: Path) -> None:
    served = starter.start(iris_model, "--workers", "2", "--record", str(tmp_path / "calls"))
    wait_until(lambda: served.log.count("ready: POST") == 2)
    for _ in range(20):
        served.post("/predict", {"X": [ROW]})
    stopped(served)
    assert len(recorded(tmp_path / "calls")) == 20


def test_a_bucket_that_is_not_there_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    class Buckets(MemoryFileSystem):
        """Paths begin with the name of a bucket, as those of object stores do."""

        protocol = "buckets"
        root_marker = ""
        store: ClassVar[dict[str, Any]] = {}
        pseudo_dirs: ClassVar[list[str]] = [""]

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(path).removeprefix("buckets://").strip("/")

    fsspec.register_implementation("buckets", Buckets, clobber=True)
    with pytest.raises(NotFoundError, match="nobody does not exist"):
        Store("buckets://nobody/calls")
    assert not Buckets().exists("nobody")
    Buckets().mkdir("ours")
    Store("buckets://ours/calls").write([b"{}\n"])
    assert [path.partition("/")[0] for path in Buckets().find("ours")] == ["ours"]


class Counts(dict[str, int]):
    def add(self, outcome: str, calls: int) -> None:
        self[outcome] = self.get(outcome, 0) + calls


def call(recorder: Recorder, body: bytes = b"{}") -> None:
    request = Request("POST", b"/predict", {}, True, time.monotonic(), media_type="application/json", body=body)
    recorder.begin(request)
    recorder.end(request, Response(200, b"1"), 0.001)


def test_what_waits_and_what_is_written_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts, store = Counts(), Store(str(tmp_path))
    recorder = Recorder(store, 1.0, 1, counts.add)
    body = json.dumps(os.urandom(100_000).hex()).encode()
    for _ in range(200):  # 40 MB of bodies: more than may wait, and than one file takes
        call(recorder, body)
    recorder.close()
    assert counts["dropped"] > 0
    assert counts["written"] > 0
    assert sum(counts.values()) == 200
    assert len(list(tmp_path.rglob("*.gz"))) == 1  # with the first file the bound is reached
    before = sum(counts.values())
    call(recorder)
    assert sum(counts.values()) == before  # no more are chosen


def test_a_disk_that_fails_is_told_once_and_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("mlem_server.recording.recorder.EVERY_S", 0.05)
    caplog.set_level("INFO", "mlem.server")
    counts, folder = Counts(), tmp_path / "calls"
    recorder = Recorder(Store(str(folder)), 1.0, 2**20, counts.add)
    folder.rmdir()
    folder.write_text("in the way")
    for number in (1, 2):
        call(recorder)
        wait_until(lambda number=number: counts.get("failed") == number)
    folder.unlink()
    call(recorder)
    wait_until(lambda: counts.get("written") == 1)
    recorder.close()
    assert [record.levelname for record in caplog.records if "recorded" in record.message] == ["ERROR", "INFO"]
    assert stat.S_ISDIR(folder.stat().st_mode)
