"""Several models in one process: each under its name, with its own queue, health, numbers and successor."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from mlem import MlemError
from mlem.clients.http import HttpClient
from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


@pytest.fixture(scope="module")
def two(shared_starter: Any, iris_model: Path, file_model: Path) -> Any:
    """A model that answers at once, and one that waits for files."""
    return shared_starter.start(iris_model, str(file_model), "--max-queue", "1", "--hang-timeout-s", "600")


def test_each_answers_under_its_name(two: Any) -> None:
    assert two.post("/models/iris/predict", {"X": [ROW]}).json == [0]
    assert two.post("/models/file/predict", {"path": os.devnull}).json == os.devnull
    tensors = [{"name": name, "datatype": "FP64", "shape": [1], "data": [value]} for name, value in ROW.items()]
    answer = two.post("/v2/models/iris/infer", {"inputs": tensors}).json
    assert (answer["model_name"], answer["outputs"][0]["data"]) == ("iris", [0])
    with HttpClient(url=f"{two.url}/models/iris") as client:
        assert client.predict([list(ROW.values())]) == [0]


def test_all_that_belongs_to_a_model_is_below_its_path(two: Any) -> None:
    described = two.get("/models/iris/interface.json").json
    assert described["model"]["name"] == "iris"
    for path in ("", "docs", "openapi.json", "readyz", "healthz", "metrics", "assets/page.js", "ping"):
        assert two.get(f"/models/iris/{path}").status == 200, path
    assert "/predict" in two.get("/models/iris/openapi.json").json["paths"]
    moved = two.get("/models/iris")
    assert (moved.status, moved.headers["location"]) == (308, "iris/")


def test_the_server_lists_them(two: Any) -> None:
    digests = {name: two.get(f"/models/{name}/readyz").json["model"] for name in ("iris", "file")}
    listed = two.get("/models").json["models"]
    assert listed == [
        {"name": name, "status": "ready", "model": digest, "address": f"models/{name}/"}
        for name, digest in digests.items()
    ]
    assert [one["address"] for one in two.get("/models/iris/models").json["models"]] == ["../iris/", "../file/"]
    ready = two.get("/readyz")
    assert (ready.status, ready.json["status"], ready.json["models"]["file"]["model"]) == (
        200,
        "ready",
        digests["file"],
    )
    index = json.loads(two.post("/v2/repository/index", {}).body)
    assert [(one["name"], one["state"], one["version"]) for one in index] == [
        (name, "READY", digest) for name, digest in digests.items()
    ]


@pytest.mark.parametrize(
    ("path", "code", "known"),
    [
        ("/predict", "not-found", ["file", "iris"]),
        ("/models/irsi/predict", "unknown-model", ["file", "iris"]),
        (
            "/models/iris/forecast",
            "unknown-method",
            ["apply", "decision_path", "predict", "predict_log_proba", "predict_proba"],
        ),
    ],
)
def test_a_wrong_path_is_told_what_there_is(two: Any, path: str, code: str, known: list[str]) -> None:
    refused = two.post(path, {"X": [ROW]})
    error = refused.json["error"]
    assert (refused.status, error["code"], error["known"]) == (404, code, known)


def test_a_client_at_the_root_is_told_that_there_are_several(two: Any) -> None:
    with HttpClient(url=two.url) as client, pytest.raises(MlemError) as caught:
        client.predict([list(ROW.values())])
    assert "several models" in str(caught.value)


def test_a_full_queue_of_one_refuses_no_call_of_the_other(two: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    with ThreadPoolExecutor() as pool:
        calls = [pool.submit(two.post, "/models/file/predict", {"path": str(go)}) for _ in range(3)]
        wait_until(lambda: any(call.done() for call in calls))
        slowest = 0.0
        for _ in range(50):
            began = time.monotonic()
            assert two.post("/models/iris/predict", {"X": [ROW]}).status == 200
            assert two.get("/models/iris/readyz").status == 200
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 5
        go.touch()
        assert sorted(call.result().status for call in calls) == [200, 200, 503]


def test_a_model_that_is_held_up_is_not_ready_and_the_other_is(
    starter: Any, iris_model: Path, file_model: Path
) -> None:
    served = starter.start(iris_model, str(file_model), "--request-timeout-s", "0.3", "--hang-timeout-s", "600")
    with ThreadPoolExecutor() as pool:
        held = pool.submit(served.post, "/models/file/predict", {"path": str(starter.folder / "go")})
        wait_until(lambda: served.get("/models/file/readyz").json["status"] == "busy")
        assert served.get("/models/iris/readyz").status == 200
        whole = served.get("/readyz")
        assert (whole.status, whole.json["status"]) == (503, "busy")
        assert whole.json["reason"].startswith("file: ")
        assert served.post("/models/iris/predict", {"X": [ROW]}).json == [0]
        (starter.folder / "go").touch()
        held.result()
    wait_until(lambda: served.get("/readyz").status == 200)


def test_one_that_hangs_takes_the_process_with_it_and_both_are_there_again(
    starter: Any, iris_model: Path, file_model: Path
) -> None:
    served = starter.start(
        iris_model, str(file_model), "--workers", "1", "--request-timeout-s", "0.3", "--hang-timeout-s", "1"
    )
    lost = served.post("/models/file/predict", {"path": str(starter.folder / "never")})
    assert lost.status in (503, 504)
    wait_until(lambda: served.process.poll() is not None)
    assert (served.process.returncode, "file is at" in served.log) == (11, True)


def test_numbers_are_told_apart(starter: Any, iris_model: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    save(len, other, sample_data=[1], model_types=(CallableModel,))
    served = starter.start(iris_model, str(other))
    for _ in range(3):
        served.post("/models/iris/predict", {"X": [ROW]})
    served.post("/models/other/predict", {"obj": [1, 2]})
    found = _metrics(served.get("/metrics").body.decode())
    counted = {
        name: found.get(f'mlem_requests_total{{code="200",method="{method}",model="{name}"}}')
        for name, method in (("iris", "predict"), ("other", "predict"))
    }
    assert counted == {"iris": 3, "other": 1}
    assert found['mlem_batch_calls_sum{model="iris"}'] == 3


def test_one_is_replaced_and_the_other_stays(starter: Any, iris_model: Path, tmp_path: Path) -> None:
    def put(number: int) -> None:
        save(lambda x: [number, x], tmp_path / "numbered", sample_data=1, model_types=(CallableModel,))

    put(1)
    served = starter.start(tmp_path / "numbered", str(iris_model), "--reload")
    before = served.get("/models/iris/readyz").json["model"]
    assert served.post("/models/numbered/predict", {"x": 5}).json == [1, 5]
    put(2)
    wait_until(lambda: served.post("/models/numbered/predict", {"x": 5}).json == [2, 5])
    assert served.get("/models/iris/readyz").json["model"] == before
    assert served.log.count("took the place of") == 1


def test_workers_have_all_of_them(starter: Any, iris_model: Path, file_model: Path) -> None:
    served = starter.start(iris_model, str(file_model), "--workers", "2")
    wait_until(lambda: served.log.count("ready: POST") == 4)
    for _ in range(10):
        assert served.post("/models/iris/predict", {"X": [ROW]}).json == [0]
        assert served.post("/models/file/predict", {"path": os.devnull}).status == 200


def test_a_token_protects_all_of_them(starter: Any, iris_model: Path, file_model: Path) -> None:
    token = "a-token-of-forty-characters-for-this-test"  # of this test alone
    served = starter.start(iris_model, str(file_model), env={"MLEM_SERVER_TOKENS": token})
    for path in ("/models", "/models/iris/interface.json", "/models/iris/models", "/models/nobody/x", "/metrics"):
        assert served.get(path).status == 401, path
        assert served.get(path, {"authorization": f"Bearer {token}"}).status in (200, 404)
    for path in ("/", "/models/iris/", "/readyz", "/models/iris/readyz"):
        assert served.get(path).status == 200, path


def test_a_prefix_of_a_proxy_is_before_all_paths(starter: Any, iris_model: Path, file_model: Path) -> None:
    served = starter.start(iris_model, str(file_model), "--root-path", "/team")
    for path in ("/team/models/iris/predict", "/models/iris/predict"):
        assert served.post(path, {"X": [ROW]}).json == [0]
    assert served.get("/team/").status == 200
    assert served.get("/team").headers["location"] == "team/"


@pytest.mark.parametrize("kind", ["folder", "environment"])
def test_a_folder_stands_for_all_models_in_it(starter: Any, tmp_path: Path, kind: str) -> None:
    for name in ("b", "a c"):
        save(len, tmp_path / "models" / name, sample_data=[1], model_types=(CallableModel,))
    (tmp_path / "models" / "other.mlem").write_text("object_type: env\ntype: local\n")
    (tmp_path / "models" / "notes.txt").write_text("no model")
    folder = tmp_path / "models"
    served = starter.start(folder if kind == "folder" else None, env={"MLEM_MODEL": f"{folder}/"})
    assert [one["address"] for one in served.get("/models").json["models"]] == ["models/a%20c/", "models/b/"]
    assert served.post("/models/a%20c/predict", {"obj": [1, 2, 3]}).json == 3


def test_a_single_model_is_at_the_root(iris: Any) -> None:
    listed = iris.get("/models").json["models"]
    assert [(one["name"], one["status"], one["address"]) for one in listed] == [("iris", "ready", "./")]


@pytest.mark.parametrize("fault", ["gate", "two of a name", "nothing"])
def test_what_can_not_be_served_is_told_by_name(starter: Any, iris_model: Path, tmp_path: Path, fault: str) -> None:
    def wrong(x: int) -> int:
        return x + ("SERVED" in os.environ)

    folder = tmp_path / "models"
    folder.mkdir()
    save(wrong, folder / "iris", sample_data=1, model_types=(CallableModel,))
    words: Mapping[str, tuple[Path, ...]] = {
        "gate": (folder, file_of(tmp_path)),
        "two of a name": (folder / "iris", iris_model),
        "nothing": (tmp_path / "empty",),
    }
    (tmp_path / "empty").mkdir()
    first, *others = words[fault]
    served = starter.start(first, *map(str, others), env={"SERVED": "1"}, wait=False)
    told = {
        "gate": "iris: predict: the sample row gives",
        "two of a name": 'two models have the name "iris"',
        "nothing": "there is no model in the folder",
    }
    wait_until(lambda: served.process.poll() is not None)
    assert told[fault] in served.log
    assert (served.process.returncode, "Traceback" in served.log) == ({"gate": 8, "nothing": 3}.get(fault, 2), False)


def file_of(folder: Path) -> Path:
    save(len, folder / "fine", sample_data=[1], model_types=(CallableModel,))
    return folder / "fine"


def _metrics(text: str) -> dict[str, float]:
    lines = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}
