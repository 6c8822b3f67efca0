"""The dashboard for Grafana: Prometheus gathers what a server reports, and every panel's query finds it there."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas
import pytest
from waiting import wait_until

from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

DASHBOARD = Path(__file__).parents[3] / "docs" / "files" / "grafana-dashboard.json"
ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
TRACE = "0af7651916cd43dd8448eb211c80319c"
RARE = ("mlem_worker_ends_total", "mlem_recorded_calls_total")
"""What only a server with workers reports."""
Query = Callable[[str], list[Any]]


@pytest.fixture(scope="module")
def board() -> Any:
    return json.loads(DASHBOARD.read_text())


@pytest.fixture
def gathered(starter: Any, tmp_path: Path, lacking: Any) -> Iterator[tuple[Any, Query]]:
    """A server whose metrics a Prometheus gathers each second, and a function that asks it."""
    program = shutil.which("prometheus")
    if program is None:
        lacking("no prometheus")
    frame = pandas.DataFrame([ROW, {name: 2 * value for name, value in ROW.items()}])
    save(
        lambda X: X.sum(axis=1).tolist(),
        tmp_path / "iris",
        sample_data=frame,
        profile=True,
        model_types=(CallableModel,),
    )
    served = starter.start(tmp_path / "iris", "--drift")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    target = {"job_name": "mlem", "static_configs": [{"targets": [f"127.0.0.1:{served.port}"]}]}
    config = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [target]}
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    options = [
        "--config.file",
        "prometheus.yml",
        "--storage.tsdb.path",
        "data",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (tmp_path / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [program, *options, "--enable-feature=exemplar-storage"], cwd=tmp_path, stdout=log, stderr=log
        )

    def ask(path: str, **parameters: str) -> Any:
        url = f"http://127.0.0.1:{port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url) as answer:
                return json.loads(answer.read())["data"]
        except urllib.error.HTTPError as error:
            if error.code == 503:  # it has just been started
                return None
            pytest.fail(f"{parameters}: {error.read().decode()}")
        except OSError:
            return None

    def query(text: str) -> list[Any]:
        if text == "exemplars":
            found = ask("query_exemplars", query="mlem_request_seconds_bucket", start="0", end="9999999999")
            return list(found)
        return list((ask("query", query=text) or {"result": []})["result"])

    wait_until(lambda: bool(query("mlem_model_info")))
    yield served, query
    process.terminate()
    process.wait(10)


def test_every_panel_finds_what_a_server_reports(board: Any, gathered: tuple[Any, Query]) -> None:
    served, query = gathered
    for payload in ({"X": [ROW]}, {"X": [ROW] * 3}, {"X": 1}):
        served.post("/predict", payload, {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
    wait_until(lambda: _samples(query) >= 3)
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(queries) > 10
    for text in queries:
        plain = re.sub(r"\$(job|instance|model)\b", ".*", text.replace("$__rate_interval", "1m"))
        assert "$" not in plain
        found = query(plain)
        assert found or any(name in text for name in RARE), text
    exemplars = query("exemplars")
    assert {one["labels"]["trace_id"] for series in exemplars for one in series["exemplars"]} == {TRACE}


def test_it_shows_all_that_a_server_reports(board: Any, iris: Any) -> None:
    text = DASHBOARD.read_text()
    families = re.findall(r"^# TYPE (mlem_\w+) ", iris.get("/metrics").body.decode(), re.MULTILINE)
    assert [name for name in families if not name.endswith("_created") and name not in text] == []
    names = {variable["name"] for variable in board["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", text)) - {"__rate_interval", "__all"} <= names


def _samples(query: Query) -> int:
    return max((len(series["values"]) for series in query('mlem_requests_total{method="predict"}[1m]')), default=0)
