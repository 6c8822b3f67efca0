from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def values(served: Any) -> dict[str, float]:
    text = served.get("/metrics").body.decode()
    return {name: float(value) for name, value in re.findall(r"^(mlem_\S+(?:\{.*\})?) (\S+)$", text, re.MULTILINE)}


def test_calls_are_counted_by_method_and_code_and_refusals_by_reason(starter: Any, iris_model: Path) -> None:
    served = starter.start(iris_model)
    for payload in ({"X": [ROW]}, {"X": [ROW]}, {"X": 1}):
        served.post("/predict", payload)
    served.get("/" + "x" * 50)
    found = values(served)
    assert found['mlem_requests_total{code="200",method="predict",model="iris"}'] == 2
    assert found['mlem_requests_total{code="422",method="predict",model="iris"}'] == 1
    assert found['mlem_requests_total{code="404",method="other",model=""}'] == 1
    assert found['mlem_rejected_total{reason="bad-data"}'] == 1
    assert found['mlem_request_seconds_count{method="predict",model="iris"}'] == 2
    assert found['mlem_batch_calls_sum{model="iris"}'] == found['mlem_queue_seconds_count{model="iris"}'] == 2
    assert found['mlem_load_seconds{model="iris"}'] > 0
    assert found['mlem_in_flight{model="iris"}'] == 0
    digest = served.get("/interface.json").json["model"]["digest"]
    assert found[f'mlem_model_info{{digest="{digest}",model="iris"}}'] == 1


def test_metrics_answer_while_the_model_works(file: Any, tmp_path: Path) -> None:
    target = tmp_path / "answer"
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(file.post, "/predict", {"path": str(target)})
        while not (tmp_path / "answer.started").exists():
            pass
        assert values(file)['mlem_in_flight{model="file"}'] == 1
        target.touch()
        call.result()


def test_a_log_in_json_has_the_facts_of_a_request(starter: Any, iris_model: Path) -> None:
    served = starter.start(iris_model, "--access-log", "--log-format", "json")
    served.post("/predict", {"X": [ROW]}, {"x-request-id": "fact-1"})
    served.get("/healthz", {"x-request-id": "fact-2"})
    events = [json.loads(line) for line in served.log_with("fact-2").splitlines()]
    event = next(event for event in events if event.get("request_id") == "fact-1")
    assert (event["level"], event["method"], event["path"], event["status"]) == ("info", "POST", "/predict", 200)
    assert event["ms"] > 0
