"""Inputs are counted by what the sample data looked like: over every protocol, within bounds, beside the calls."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pandas
import pytest
from prometheus_client.parser import text_string_to_metric_families
from waiting import wait_until

from mlem_model.data.formats.binary import NPY
from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

Counts = dict[str, dict[str, float]]
FRAME = pandas.DataFrame(
    {"age": numpy.linspace(20.0, 70.0, 101), "city": ["Rome", "Oslo", "Rome"] * 33 + ["Oslo", None]}
)
ROW = {"age": 30.0, "city": "Rome"}


def counted(served: Any, name: str = "mlem_input_values_total") -> Counts:
    """Return the numbers by column and bin; bins that have none are left out."""
    found: Counts = {}
    for family in text_string_to_metric_families(served.get("/metrics").body.decode()):
        for sample in family.samples:
            if sample.name == name and sample.value:
                found.setdefault(sample.labels["column"], {})[sample.labels["bin"]] = sample.value
    return found


def calls(served: Any) -> dict[str, float]:
    families = text_string_to_metric_families(served.get("/metrics").body.decode())
    samples = [sample for family in families for sample in family.samples if sample.name == "mlem_input_calls_total"]
    return {sample.labels["outcome"]: sample.value for sample in samples}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    save(_adults, tmp_path / "people", sample_data=FRAME, profile=True, model_types=(CallableModel,))
    return tmp_path / "people"


def _adults(X: Any) -> Any:
    X["age"] = -1.0  # a model may change what it is given
    return numpy.ones(len(X))


def test_values_are_told_apart_by_what_the_sample_had(starter: Any, people: Path) -> None:
    served = starter.start(people, "--drift")
    others = [
        {**ROW, "age": 10},
        {**ROW, "age": 90},
        {**ROW, "age": None},
        {**ROW, "city": "Bern"},
        {**ROW, "city": None},
    ]
    assert served.post("/predict", {"X": [ROW, *others]}).status == 200
    wait_until(lambda: calls(served) == {"counted": 1})
    assert counted(served) == {
        "age": {"(25, 30]": 3, "below": 1, "above": 1, "missing": 1},
        "city": {'"Rome"': 4, "unknown": 1, "missing": 1},
    }
    expected = counted(served, "mlem_input_expected_share")
    assert {name: pytest.approx(1, abs=1e-6) for name in expected} == {k: sum(v.values()) for k, v in expected.items()}
    assert expected["city"] == {'"Oslo"': 34 / 101, '"Rome"': 66 / 101, "missing": pytest.approx(1 / 101, abs=1e-6)}


def test_calls_of_every_protocol_count(starter: Any, tmp_path: Path) -> None:
    sample = numpy.array([[1.0, 10.0], [2.0, 20.0]])
    save(lambda X: X.sum(axis=1), tmp_path / "m", sample_data=sample, profile=True, model_types=(CallableModel,))
    served = starter.start(tmp_path / "m", "--drift")
    numpy.save(file := io.BytesIO(), sample + 100)
    tensor = {"name": "X", "shape": [1, 2], "datatype": "FP64", "data": [-1.0, -1.0]}
    sent: list[Callable[[], Any]] = [
        lambda: served.post("/predict", {"X": [[1.5, 15.0]]}),
        lambda: served.request("POST", "/predict", file.getvalue(), {"content-type": NPY}),
        lambda: served.request("POST", "/invocations", b"1.5,15\n", {"content-type": "text/csv"}),
        lambda: served.post("/v2/models/m/infer", {"inputs": [tensor]}),
    ]
    for number, send in enumerate(sent, 1):
        assert send().status == 200
        wait_until(lambda expected=number: calls(served) == {"counted": expected})
    assert counted(served) == {
        "0": {"[1, 2]": 2, "above": 2, "below": 1},
        "1": {"[10, 20]": 2, "above": 2, "below": 1},
    }


def test_a_refused_call_does_not_count_and_one_that_fails_harms_nobody(starter: Any, people: Path) -> None:
    served = starter.start(people, "--drift")
    assert served.post("/predict", {"X": [{"age": "old", "city": "Rome"}]}).status == 422
    assert served.post("/predict", {"X": []}).status == 200
    assert served.post("/predict", {"X": [ROW]}).status == 200
    wait_until(lambda: calls(served) == {"counted": 2})
    assert counted(served)["age"] == {"(25, 30]": 1}


def test_of_a_large_call_and_of_many_calls_a_sample_is_looked_at(starter: Any, people: Path) -> None:
    served = starter.start(people, "--drift")
    assert served.post("/predict", {"X": [ROW] * 3000}).status == 200
    wait_until(lambda: calls(served) == {"counted": 1})
    assert counted(served)["age"] == {"(25, 30]": 256}
    body = json.dumps({"X": [ROW] * 256}).encode()

    def send() -> None:
        for _ in range(40):
            assert served.request("POST", "/predict", body, {"content-type": "application/json"}).status == 200

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wait_until(lambda: sum(calls(served).values()) == 161)
    assert calls(served)["skipped"] > 0


def test_a_model_without_a_profile_is_served_and_said_so(starter: Any, iris_model: Path) -> None:
    served = starter.start(iris_model, "--drift")
    assert "was saved without profile=True" in served.log
    assert calls(served) == {}


def test_a_profile_that_was_changed_ends_the_start(starter: Any, people: Path) -> None:
    file = people.with_name("people.profile.json")
    file.write_text(file.read_text().replace("city", "town"))
    served = starter.start(people, "--drift", wait=False)
    assert served.process.wait(60) == 4
    assert ("people.profile.json" in served.log, "Traceback" in served.log) == (True, False)


def test_another_model_brings_its_own_bins(starter: Any, people: Path) -> None:
    served = starter.start(people, "--drift", "--reload")
    served.post("/predict", {"X": [ROW]})
    wait_until(lambda: calls(served) == {"counted": 1})
    before = served.get("/readyz").json["model"]
    older = FRAME.assign(age=FRAME["age"] + 100)
    save(_adults, people, sample_data=older, profile=True, model_types=(CallableModel,))
    wait_until(lambda: served.get("/readyz").json["model"] != before)
    served.post("/predict", {"X": [ROW]})
    wait_until(lambda: calls(served) == {"counted": 2})
    assert counted(served)["age"] == {"(25, 30]": 1, "below": 1}
    assert sum(counted(served, "mlem_input_expected_share")["age"].values()) == pytest.approx(1)


def test_workers_report_the_sum(starter: Any, people: Path) -> None:
    served = starter.start(people, "--drift", "--workers", "2")
    wait_until(lambda: served.log.count("ready: POST") == 2)
    for _ in range(20):
        assert served.post("/predict", {"X": [ROW]}).status == 200
    wait_until(lambda: sum(calls(served).values()) == 20)
    assert counted(served)["age"]["(25, 30]"] == calls(served)["counted"]
    assert sum(counted(served, "mlem_input_expected_share")["age"].values()) == pytest.approx(1)
