"""What a large table costs to send, as a ratio of what the model takes to answer it.

    python benchmarks/payloads.py

10,000 x 100 float64 through `HttpClient` and a server on this machine, in JSON, npy, Arrow and KServe's binary tensors,
in turn; all answers are compared. Each time is divided by that of ``model.predict`` alone in the same round, by that of
npy, and by that of a bare socket: another process receives the npy body into one buffer, and answers with as many bytes
as the model does, without a model or HTTP, so nothing that goes through a socket can be quicker. Each binary format is
to take at most 1.3 x npy. For a forest of 100 trees, and for a logistic regression, whose answer takes hardly longer
than copying the table: there the network is most of it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import multiprocessing
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
from _serving import Served
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from mlem import api
from mlem.clients.http import HttpClient
from mlem_model.data.formats import binary as wire
from mlem_model.data.types.any import infer

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


def by_kserve(connection: http.client.HTTPConnection, name: str, rows: Any) -> Any:
    """Call with a binary tensor; the answer is one, too."""
    size = "binary_data_size"
    tensor = {"name": "X", "shape": rows.shape, "datatype": "FP64", "parameters": {size: rows.nbytes}}
    head = json.dumps({"inputs": [tensor], "parameters": {"binary_data_output": True}}).encode()
    header = "inference-header-content-length"
    headers = {"content-type": wire.OCTETS, header: str(len(head))}
    connection.request("POST", f"/v2/models/{name}/infer", b"".join((head, rows.data)), headers)
    response = connection.getresponse()
    content = response.read()
    assert response.status == 200, content
    output = json.loads(content[: int(response.headers[header])])["outputs"][0]
    dtype = {"FP64": "<f8", "INT64": "<i8"}[output["datatype"]]
    return numpy.frombuffer(content[-output["parameters"][size] :], dtype).reshape(output["shape"])


def receive(port: Any, size: int, answer: bytes) -> None:
    """Receive bodies of one size into one buffer, and answer each."""
    listener = socket.create_server(("127.0.0.1", 0))
    port.put(listener.getsockname()[1])
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    view = memoryview(bytearray(size))
    while True:
        there = 0
        while there < size:
            count = connection.recv_into(view[there:])
            if not count:
                return
            there += count
        connection.sendall(answer)


@contextlib.contextmanager
def bare_socket(body: bytes, answer: bytes) -> Iterator[Callable[[], None]]:
    """Yield what sends a body to another process and waits for its answer."""
    port: Any = multiprocessing.Queue()
    process = multiprocessing.Process(target=receive, args=(port, len(body), answer), daemon=True)
    process.start()
    with socket.create_connection(("127.0.0.1", port.get())) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask() -> None:
            connection.sendall(body)
            left = len(answer)
            while left:
                left -= len(connection.recv(left))

        yield ask
    process.join()


def measure(name: str, model: Any, rows: Any, folder: Path) -> None:
    """Measure one model, and print its ratios."""
    api.save(model, name, sample_data=rows[:5], project=str(folder))
    right = model.predict(rows)
    times: dict[str, list[float]] = {}
    with (
        Served(folder / name, "--max-body-mib", "256") as served,
        HttpClient(url=served.url) as client,
        contextlib.closing(http.client.HTTPConnection(served.url.removeprefix("http://"))) as connection,
        bare_socket(wire.dump(infer(rows), rows, wire.NPY), right.tobytes()) as ask,
    ):
        calls = {
            "json": lambda: by_json(client, rows),
            "npy": lambda: by(wire.NPY, client, rows),
            "arrow": lambda: by(wire.ARROW, client, rows),
            "kserve": lambda: by_kserve(connection, name, rows),
        }
        for form, call in calls.items():
            found = call()
            assert (found.dtype, found.tobytes()) == (right.dtype, right.tobytes()), form
        for _ in range(ROUNDS):
            times.setdefault("predict", []).append(seconds(lambda: model.predict(rows)))
            times.setdefault("socket", []).append(seconds(ask))
            for form, call in calls.items():
                times.setdefault(form, []).append(seconds(call))
    print(f"{name}: ms {json.dumps({form: round(statistics.median(found) * 1e3, 1) for form, found in times.items()})}")
    for base in ("predict", "npy", "socket"):
        ratios = {
            form: round(statistics.median(a / b for a, b in zip(found, times[base], strict=True)), 2)
            for form, found in times.items()
        }
        print(f"  x {base}: {json.dumps(ratios)}")


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
