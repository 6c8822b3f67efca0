"""The memory and time that a caller can take are limited: each limit is read from the server's own process.

Every body goes to a server with tokens and to one without. The servers have their default limits, and so have the
bodies: the largest that is taken is 64 MiB.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pandas
import psutil
import pyarrow
import pyarrow.parquet
import pytest
from waiting import wait_until

from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

Served = Any
Starter = Any
MODEL_TYPES = (CallableModel,)

MIB = 2**20
GROWTH_BYTES = 360 * MIB
"""A body of 64 MiB, what it is decoded to, and what that takes on the way."""
LATEST_S = 2.5
"""The machine may be busy; what was slow took 8 s and more."""
JSON = {"content-type": "application/json"}
ARROW = {"content-type": "application/vnd.apache.arrow.stream"}
PARQUET = {"content-type": "application/x-parquet"}
CSV = {"content-type": "text/csv"}
COLUMNS = [f"c{number}" for number in range(10)]
TOKEN = "a-token-of-this-test"
INFER = "/v2/models/array/infer"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    rows = numpy.arange(50.0).reshape(5, 10)
    save(lambda x: x[:, 0], folder / "array", sample_data=rows, model_types=MODEL_TYPES)
    save(
        lambda x: x.iloc[:, 0],
        folder / "frame",
        sample_data=pandas.DataFrame(rows, columns=COLUMNS),
        model_types=MODEL_TYPES,
    )
    return folder


@dataclass(frozen=True)
class Target:
    """Two servers, and what callers have to send to be heard."""

    servers: dict[str, Served]
    headers: dict[str, str]


@pytest.fixture(scope="module", params=["open", "secured"])
def target(request: pytest.FixtureRequest, models: Path, shared_starter: Starter) -> Target:
    secured = request.param == "secured"
    env = {"MLEM_SERVER_TOKENS": TOKEN} if secured else {}
    servers = {name: shared_starter.start(models / name, env=env) for name in ("array", "frame")}
    return Target(servers, {"authorization": f"Bearer {TOKEN}"} if secured else {})


# What the process says of itself


def pid(served: Served) -> int:
    return served.process.pid


def resident(served: Served) -> int:
    return psutil.Process(pid(served)).memory_info().rss


def forget_peak(served: Served) -> None:
    """Source: https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html, the value 5."""
    Path(f"/proc/{pid(served)}/clear_refs").write_text("5")


def peak(served: Served) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid(served)}/status").read_text())
    assert found
    return int(found[1]) * 1024


def metrics(served: Served, headers: dict[str, str]) -> dict[str, float]:
    lines = (
        line.rpartition(" ") for line in served.get("/metrics", headers).body.decode().splitlines() if line[:1] != "#"
    )
    return {name: float(value) for name, _, value in lines}


def metric(served: Served, headers: dict[str, str], name: str) -> float:
    return metrics(served, headers).get(name, 0.0)


def times_late(target: Target, served: Served) -> float:
    """How often the event loop was late by more than others should wait."""
    found = metrics(served, target.headers)
    return found["mlem_loop_late_seconds_count"] - found[f'mlem_loop_late_seconds_bucket{{le="{LATEST_S}"}}']


@contextlib.contextmanager
def bounded(target: Target, served: Served, growth: int = GROWTH_BYTES) -> Iterator[None]:
    """Expect that the server stays small and answers others, whatever happens within."""
    forget_peak(served)
    before, late = resident(served), times_late(target, served)
    yield
    assert served.get("/healthz").status == 200
    assert times_late(target, served) <= late
    assert peak(served) - before < growth
    assert served.process.poll() is None


# What callers send


def stream(table: pyarrow.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with pyarrow.ipc.new_stream(buffer, table.schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def parquet(table: pyarrow.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


def of_each(column: Any) -> pyarrow.Table:
    return pyarrow.table(dict.fromkeys(COLUMNS, column))


def repeated(text: str, times: int) -> Any:
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array(numpy.zeros(times, "int32")), pyarrow.array([text]))


def rows_with(last: str) -> bytes:
    row = b"[" + b",".join([b"0.12345"] * 10) + b"]"
    return b'{"x": [' + b",".join([row] * 700_000) + b",[1,2,3,4,5,6,7,8,9,%s]]}" % last.encode()


def records_with(last: str) -> bytes:
    record = json.dumps(dict.fromkeys(COLUMNS, 0.12345)).encode()
    return b'{"x": [' + b",".join([record] * 400_000) + b"," + record.replace(b"0.12345}", last.encode() + b"}") + b"]}"


def tensor(shape: Any, data: Any = (), **more: Any) -> bytes:
    return json.dumps(
        {"inputs": [{"name": "x", "shape": shape, "datatype": "FP64", "data": list(data)}], **more}
    ).encode()


Case = tuple[str, str, dict[str, str], Callable[[], bytes], set[int]]
CASES: dict[str, Case] = {
    "rows": ("array", "/predict", JSON, lambda: rows_with("0.5"), {200}),
    "rows, the last cell is a text": ("array", "/predict", JSON, lambda: rows_with('"no"'), {422}),
    "rows, bare": ("array", "/invocations", JSON, lambda: rows_with("0.5")[6:-1], {200}),
    "rows, no JSON at the end": ("array", "/predict", JSON, lambda: rows_with("0.5")[:-4], {400}),
    "rows with NaN": ("array", "/predict", JSON, lambda: rows_with("NaN"), {200}),
    "records": ("frame", "/predict", JSON, lambda: records_with("0.5"), {200}),
    "records, the last cell is a text": ("frame", "/predict", JSON, lambda: records_with('"no"'), {422}),
    "empty lists": ("array", "/predict", JSON, lambda: b'{"x":[' + b"[]," * 20_000_000 + b"[]]}", {422}),
    "empty objects": ("frame", "/predict", JSON, lambda: b'{"x":[' + b"{}," * 20_000_000 + b"{}]}", {422}),
    "empty objects for nobody": ("frame", "/predict", JSON, lambda: b'{"y":[' + b"{}," * 20_000_000 + b"{}]}", {413}),
    "deep lists": ("frame", "/predict", JSON, lambda: b"[" * 60_000_000, {400, 413}),
    "a long number": ("frame", "/predict", JSON, lambda: b'{"x":' + b"9" * 60_000_000 + b"}", {400, 422}),
    "a tensor of empty rows": ("array", INFER, JSON, lambda: tensor([100_000_000, 0]), {422}),
    "a tensor of many dimensions": ("array", INFER, JSON, lambda: tensor([9] * 400_000), {422}),
    "a tensor of zeros and nines": ("array", INFER, JSON, lambda: tensor([10**9, 0, 10**9]), {422}),
    "a tensor of huge lengths": ("array", INFER, JSON, lambda: tensor([2**62, 2**62]), {422}),
    "a list for a method": ("array", INFER, JSON, lambda: tensor([0, 10], parameters={"method": []}), {422}),
    "Arrow of nulls": ("frame", "/predict", ARROW, lambda: stream(of_each(pyarrow.nulls(10**9))), {413}),
    "Arrow of zeros, compressed": (
        "frame", "/predict", ARROW, lambda: stream(of_each(numpy.zeros(10**7)), compression="zstd"), {413}),
    "Arrow of runs": ("frame", "/predict", ARROW, lambda: stream(
        pyarrow.table({"c0": pyarrow.RunEndEncodedArray.from_arrays([2**31 - 1], [1.0])})), {413, 422}),
    "Arrow of a text repeated": (
        "frame", "/predict", ARROW, lambda: stream(of_each(repeated("x" * 100_000, 100_000))), {413, 422}),
    "Parquet of nulls": ("frame", "/invocations", PARQUET, lambda: parquet(
        pyarrow.table({"c0": pyarrow.nulls(10**8, pyarrow.float64())})), {413}),
    "Parquet of a text repeated": ("frame", "/invocations", PARQUET, lambda: parquet(
        pyarrow.table({"c0": repeated("x" * 100_000, 10**6)})), {413}),
    "Parquet of zeros, compressed": ("frame", "/invocations", PARQUET, lambda: parquet(
        pyarrow.table({"c0": ["x" * 400_000_000]}), compression="zstd", use_dictionary=False), {413, 422}),
    "CSV of small cells": ("frame", "/invocations", CSV, lambda: b"1," * 30_000_000, {413, 400}),
    "CSV of 4 MiB": (
        "frame", "/invocations", CSV,
        lambda: b"0.12345," * 9 + (b"0.5\n" + b"0.12345," * 9) * 60_000 + b"1", {200}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_body_takes_bounded_memory_and_no_time_of_others(target: Target, case: str) -> None:
    name, path, headers, body, statuses = CASES[case]
    served, content = target.servers[name], body()
    with bounded(target, served):
        assert served.request("POST", path, content, headers | target.headers).status in statuses


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/ping", "/v2/health/live", "/", "/docs", "/metrics", "/openapi.json"]
)
def test_bodies_of_routes_that_take_none_are_skipped(target: Target, path: str) -> None:
    served = target.servers["array"]
    with bounded(target, served, 64 * MIB), ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(served.request, "GET", path, b"x" * (63 * MIB), target.headers) for _ in range(20)]
        assert {one.result().status for one in asked} == {200}


CHUNKED = b"%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n%s\r\n"


def sent_until_refused(served: Served, head: bytes, part: bytes, most: int = 256 * MIB) -> bytes:
    """Send the same bytes again and again until the server has enough of it, and return its answer."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(head)
        with contextlib.suppress(OSError):
            for _ in range(most // len(part)):
                connection.sendall(part)
        answer = b""
        with contextlib.suppress(OSError):
            while more := connection.recv(65536):
                answer += more
    return answer


@pytest.mark.parametrize(
    ("what", "part"),
    [
        (b"0\r\n", b"X-Trailer: " + b"x" * 50_000 + b"\r\n"),
        (b"0\r\nX-Trailer: ", b"x" * 65536),
        (b"0\r\n", b"a: b\r\n" * 10_000),
        (b"1;extension=", b"x" * 65536),
        (b"", b"1;" + b"x" * 1000 + b"\r\ny\r\n"),
    ],
    ids=["trailers", "one trailer", "small trailers", "an extension", "extensions"],
)
@pytest.mark.parametrize("route", [b"GET /healthz", b"POST /predict"])
def test_what_is_around_a_body_counts_as_head_does(target: Target, route: bytes, what: bytes, part: bytes) -> None:
    served = target.servers["array"]
    more = b"".join(b"%s: %s\r\n" % (key.encode(), value.encode()) for key, value in target.headers.items())
    refused = 'mlem_rejected_total{reason="head-too-large"}'
    before = metric(served, target.headers, refused)
    with bounded(target, served, 64 * MIB):
        answer = sent_until_refused(served, CHUNKED % (route, more) + what, part)
    assert answer.startswith(b"HTTP/1.1 431 ") or answer == b""  # it may be reset while it still sends
    wait_until(lambda: metric(served, target.headers, refused) > before)


def test_a_body_in_chunks_of_a_byte_takes_no_more_than_its_size(target: Target) -> None:
    served = target.servers["array"]
    row = b"[" + b",".join([b"0.12345"] * 10) + b"]"
    body = b'{"x": [' + b",".join([row] * 20_000) + b"]}"
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    more = b"".join(b"%s: %s\r\n" % (key.encode(), value.encode()) for key, value in target.headers.items())
    with bounded(target, served, 100 * MIB):
        answer = served.raw(CHUNKED % (b"POST /predict", more + b"Connection: close\r\n") + chunks)
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_heads_whose_bodies_do_not_come_take_no_room_of_others(target: Target) -> None:
    served = target.servers["array"]
    more = b"".join(b"%s: %s\r\n" % (key.encode(), value.encode()) for key, value in target.headers.items())
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=60))
            connection.sendall(CHUNKED % (b"POST /predict", more + b"Content-Type: application/json\r\n"))
        assert served.post("/predict", {"x": [[1] * 10]}, target.headers).json == [1]


def test_small_calls_in_chunks_are_all_answered(target: Target) -> None:
    served = target.servers["array"]

    def ask(_number: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
        with contextlib.closing(connection):
            body = iter([b'{"x": [', json.dumps([0.5] * 10).encode(), b"]}"])
            connection.request("POST", "/predict", body, JSON | target.headers, encode_chunked=True)
            return connection.getresponse().status

    with ThreadPoolExecutor(24) as pool:
        assert set(pool.map(ask, range(48))) == {200}


# Connections


def test_one_more_connection_closes_one_that_asks_nothing(starter: Starter, models: Path) -> None:
    served = starter.start(models / "array", "--max-connections", "20")
    with contextlib.ExitStack() as stack:
        for number in range(60):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=60))
            if number % 2:
                connection.sendall(b"GET /healthz HTTP/1.1\r\n")  # a head that does not go on
        assert served.post("/predict", {"x": [[1] * 10]}).json == [1]
        assert len(psutil.Process(pid(served)).net_connections()) <= 22
    assert metric(served, {}, 'mlem_rejected_total{reason="too-many-connections"}') > 0


def test_who_waits_for_an_answer_keeps_the_connection(starter: Starter, file_model: Path, tmp_path: Path) -> None:
    served = starter.start(file_model, "--max-connections", "4")
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(served.post, "/predict", {"path": str(tmp_path / "go-on")}) for _ in range(4)]
        wait_until(
            lambda: len(psutil.Process(pid(served)).net_connections()) > 4 and (tmp_path / "go-on.started").exists()
        )
        connection = stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=60))
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
        assert answer == b"" or (answer.startswith(b"HTTP/1.1 503 ") and b"too-many-connections" in answer)
        (tmp_path / "go-on").touch()
        assert {one.result().status for one in asked} == {200}


def test_used_up_files_are_logged_once_and_callers_are_served_again(starter: Starter, models: Path) -> None:
    served = starter.start(models / "array")
    process = psutil.Process(pid(served))
    process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 5, process.num_fds() + 5))
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(socket.create_connection(("127.0.0.1", served.port), timeout=60)).sendall(b"GET /h")
        served.log_with("no connection can be accepted")
        assert served.get("/healthz").status == 200  # those that ask nothing make room
    assert served.get("/healthz").status == 200
    assert served.log.count("no connection can be accepted") == 1
    assert len(served.log.splitlines()) < 20


# SIGTERM and deadlines while something is decoded


def test_a_stop_and_a_deadline_come_while_a_body_is_decoded(starter: Starter, models: Path) -> None:
    served = starter.start(models / "frame", "--request-timeout-s", "1", "--shutdown-timeout-s", "2")
    body = stream(of_each(numpy.zeros(1_500_000, "float32")))  # of another type: each value is looked at
    replies: list[Any] = []

    def ask() -> None:
        try:
            replies.append(served.request("POST", "/predict", body, ARROW))
        except Exception as error:  # whatever happens to the connection is told
            replies.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(60)
    assert [getattr(reply, "status", reply) for reply in replies] == [503]
    assert b"timed-out" in getattr(replies[0], "body", b"")
    served.process.terminate()
    assert served.process.wait(timeout=60) == 0


def test_what_waits_decoded_for_the_model_has_room_in_sum(starter: Starter, tmp_path: Path) -> None:
    go_on = str(tmp_path / "go-on")

    def predict(x: pandas.DataFrame) -> int:
        import os

        while len(x) > 1 and not os.path.exists(go_on):
            time.sleep(0.005)
        return len(x)

    save(predict, tmp_path / "waiting", sample_data=pandas.DataFrame({"c0": [0.5]}), model_types=MODEL_TYPES)
    served = starter.start(tmp_path / "waiting", "--max-bodies-mib", "100")
    body = parquet(pyarrow.table({"c0": numpy.zeros(5_000_000)}))  # 40 MB
    assert len(body) < MIB
    replies: list[Any] = []

    def ask() -> None:
        replies.append(served.request("POST", "/invocations", body, PARQUET))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(replies) == 6)  # two have room
    assert {reply.status for reply in replies} == {503}
    assert {reply.json["error"]["code"] for reply in replies} == {"overloaded"}
    Path(go_on).touch()
    for thread in threads:
        thread.join(60)
    assert sorted(reply.status for reply in replies) == [200] * 2 + [503] * 6
