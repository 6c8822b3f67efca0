"""What a large table costs to send, as a ratio of what the model takes to answer it.

    python benchmarks/payloads.py

10,000 x 100 float64 through `HttpClient` and a server on this machine, in JSON, npy and Arrow, in turn; each time is
divided by that of ``model.predict`` alone in the same round. npy is to take at most 1.5 x. For a forest of 100 trees,
and for a logistic regression, whose answer takes hardly longer than copying the table: there the network is most of it.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
from _serving import Served
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlem import api
from mlem.clients.http import HttpClient
from mlem_model.data.formats import binary as wire

ROUNDS = 7
SHAPE = (10_000, 100)


def seconds(action: Callable[[], Any]) -> float:
    """Return what an action takes."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def by_json(client: HttpClient, rows: Any) -> Any:
    """Call with JSON both ways, whatever the client would choose."""
    described = client.interface.methods["predict"]
    return described.returns.decode(client.call_encoded("predict", described.encode_args({"X": rows})))


def by(media_type: str, client: HttpClient, rows: Any) -> Any:
    """Call with a binary body; the answer is npy."""
    described = client.interface.methods["predict"]
    body = wire.dump(described.args[0].data_type, described.args[0].data_type.accept(rows), media_type)
    content, answered_as = client.call_binary("predict", body, media_type, wire.NPY)
    return wire.load(described.returns, content, answered_as)


def measure(name: str, model: Any, rows: Any, folder: Path) -> None:
    """Measure one model, and print its ratios."""
    api.save(model, name, sample_data=rows[:5], project=str(folder))
    right = model.predict(rows)
    times: dict[str, list[float]] = {}
    with Served(folder / name, "--max-body-mib", "256") as served, HttpClient(url=served.url) as client:
        calls = {
            "json": lambda: by_json(client, rows),
            "npy": lambda: by(wire.NPY, client, rows),
            "arrow": lambda: by(wire.ARROW, client, rows),
        }
        for form, call in calls.items():
            assert numpy.array_equal(call(), right), form
        for _ in range(ROUNDS):
            alone = seconds(lambda: model.predict(rows))
            times.setdefault("alone", []).append(alone)
            for form, call in calls.items():
                times.setdefault(form, []).append(seconds(call) / alone)
    medians = {form: round(statistics.median(found), 2) for form, found in times.items() if form != "alone"}
    print(f"{name}: predict alone {statistics.median(times['alone']) * 1e3:.1f} ms; ratios {json.dumps(medians)}")


def main() -> None:
    """Measure both models."""
    random = numpy.random.default_rng(0)
    rows = random.normal(size=SHAPE)
    labels = (rows[:, 0] > 0).astype(int)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measure("forest", RandomForestClassifier(100, random_state=0).fit(rows[:2000], labels[:2000]), rows, folder)
        measure("regression", LogisticRegression().fit(rows, labels), rows, folder)


if __name__ == "__main__":
    main()
