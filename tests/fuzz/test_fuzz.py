"""Hostile callers that know the formats: whatever they send is answered, by 4xx where it is wrong, in little memory.

`MLEM_FUZZ_SECONDS` says for how long; each kind of body gets its share of it. What is found is made small by
Hypothesis, and shown."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pandas
import psutil
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mlem.clients.probe import ready
from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

SECONDS = float(os.environ.get("MLEM_FUZZ_SECONDS", "12"))
KINDS = 7
MOST_GROWTH_BYTES = 400 * 2**20
FINE = settings(
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


@dataclass
class Server:
    """A server with two models, one of arrays and one of mixed frames, each with a process of its own."""

    ports: dict[str, int]
    processes: list[psutil.Process]
    before: int

    def size(self) -> int:
        return sum(
            process.memory_info().rss for one in self.processes for process in [one, *one.children(recursive=True)]
        )

    def answer(self, model: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[model], timeout=90)
        with contextlib.closing(connection):
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()

    def check(self, model: str, path: str, body: bytes, headers: dict[str, str]) -> None:
        status, answer = self.answer(model, path, body, headers)
        assert status == 200 or 400 <= status < 500, (status, answer)
        json.loads(answer) if status != 200 else None
        assert self.size() - self.before < MOST_GROWTH_BYTES
        assert all(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in self.processes)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("fuzz")
    frame = pandas.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"], "c": [1, 2], "d": [True, False]})
    save(lambda x: x[:, 0], folder / "array", sample_data=numpy.arange(6.0).reshape(2, 3), model_types=(CallableModel,))
    save(lambda x: x["c"], folder / "frame", sample_data=frame, model_types=(CallableModel,))
    ports, started = {}, []
    for name in ("array", "frame"):
        with socket.socket() as listener, (folder / f"{name}.log").open("wb") as log:
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            command = [sys.executable, "-m", "mlem_server", str(folder / name), "--fd", str(listener.fileno())]
            started.append(subprocess.Popen(command, pass_fds=[listener.fileno()], stdout=log, stderr=log))
            ports[name] = listener.getsockname()[1]
    deadline = time.monotonic() + 60
    while not all(ready(f"http://127.0.0.1:{port}", 5)[0] for port in ports.values()):
        assert time.monotonic() < deadline, (folder / "array.log").read_text()
    server = Server(ports, [psutil.Process(one.pid) for one in started], 0)
    for path, headers in (("/invocations", PARQUET), ("/predict", ARROW)):  # what is loaded late is loaded now
        body = parquet(pyarrow.table(frame)) if headers is PARQUET else stream(pyarrow.table(frame), "zstd")
        assert server.answer("frame", path, body, headers)[0] == 200
    server.before = server.size()
    yield server
    for one in started:
        one.kill()
        one.wait()


def for_its_share(check: Callable[[], None]) -> None:
    until = time.monotonic() + SECONDS / KINDS
    check()
    while time.monotonic() < until:
        check()


JSON = {"content-type": "application/json"}
ARROW = {"content-type": "application/vnd.apache.arrow.stream"}
PARQUET = {"content-type": "application/x-parquet"}

LENGTHS = st.one_of(
    st.integers(0, 4),
    st.sampled_from(
        [-1, 10**6, 10**8, 2**31, 2**62, 2**63, 2**64, 10**40, 1.5, True, None, "3", [], [1], float("nan")]
    ),
)
VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(["NaN", "Infinity", 2**70, "2020-01-01"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(["a", "b", "c", "d", "x", ""]), inner, max_size=4)
    ),
    max_leaves=12,
)
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["x", "a", "b", "c", "d", "other"]),
        "shape": st.one_of(st.lists(LENGTHS, max_size=40), LENGTHS),
    },
    optional={
        "datatype": st.one_of(st.sampled_from(["FP64", "INT64", "BOOL", "BYTES", "FP16", "fp64", "UINT8"]), VALUES),
        "data": st.one_of(st.lists(VALUES, max_size=8), VALUES),
        "parameters": st.one_of(st.fixed_dictionaries({"binary_data_size": LENGTHS}), VALUES),
    },
)
INFERENCES = st.one_of(
    VALUES,
    st.fixed_dictionaries(
        {"inputs": st.one_of(st.lists(TENSORS, max_size=4), VALUES)},
        optional={
            "parameters": st.one_of(st.fixed_dictionaries({"method": VALUES}), VALUES),
            "outputs": st.one_of(st.lists(TENSORS, max_size=2), VALUES),
            "id": VALUES,
        },
    ),
)
MODELS = st.sampled_from(["array", "frame"])


def test_tensors_of_kserve(server: Server) -> None:
    @FINE
    @given(
        MODELS,
        INFERENCES,
        st.binary(max_size=40),
        st.one_of(st.none(), st.integers(-1, 2**70).map(str), st.text("0123456789", max_size=9)),
    )
    def check(model: str, document: Any, rest: bytes, length: str | None) -> None:
        head = json.dumps(document).encode()
        server.check(model, f"/v2/models/{model}/infer", head, JSON)
        binary = {"inference-header-content-length": str(len(head)) if length is None else length}
        server.check(
            model, f"/v2/models/{model}/infer", head + rest, {"content-type": "application/octet-stream", **binary}
        )

    for_its_share(check)


def test_json(server: Server) -> None:
    @FINE
    @given(MODELS, st.sampled_from(["/predict", "/invocations"]), VALUES, st.integers(0, 200), st.integers(0, 40_000))
    def check(model: str, path: str, value: Any, cut: int, times: int) -> None:
        text = json.dumps({"x": value}).encode()
        server.check(model, path, text[: len(text) - cut % (len(text) + 1)], JSON)
        server.check(model, path, json.dumps({"x": [value] * min(times, 40_000 // (1 + len(text)))}).encode(), JSON)

    for_its_share(check)


# Tables: every type that Arrow has, damaged afterwards

FEW = st.integers(0, 3)
COLUMNS: dict[str, Callable[[int], Any]] = {
    "float": lambda n: pyarrow.array(numpy.arange(float(n))),
    "half": lambda n: pyarrow.array(numpy.arange(n).astype("float16")),
    "int": lambda n: pyarrow.array(range(n), pyarrow.int64()),
    "uint8": lambda n: pyarrow.array([7] * n, pyarrow.uint8()),
    "bool": lambda n: pyarrow.array([True] * n),
    "text": lambda n: pyarrow.array(["x"] * n),
    "large text": lambda n: pyarrow.array(["x"] * n, pyarrow.large_string()),
    "view": lambda n: pyarrow.array(["a text that is longer than twelve"] * n, pyarrow.string_view()),
    "null": pyarrow.nulls,
    "dictionary": lambda n: pyarrow.array(["x"] * n).dictionary_encode(),
    "numbers in a dictionary": lambda n: pyarrow.array([1.5] * n).dictionary_encode(),
    "runs": lambda n: pyarrow.RunEndEncodedArray.from_arrays(
        [n] if n else pyarrow.array([], pyarrow.int32()), [1.0][:n]
    ),
    "list": lambda n: pyarrow.array([[1.0]] * n),
    "list of nulls": lambda n: pyarrow.array([[None, None]] * n),
    "struct": lambda n: pyarrow.array([{"a": 1}] * n),
    "empty binary": lambda n: pyarrow.array([b""] * n, pyarrow.binary(0)),
    "time": lambda n: pyarrow.array([2**62] * n, pyarrow.timestamp("s")),
    "decimal": lambda n: pyarrow.array([1] * n).cast(pyarrow.decimal128(38, 2)),
    "map": lambda n: pyarrow.array([[("a", 1)]] * n, pyarrow.map_(pyarrow.string(), pyarrow.int64())),
}
NAMES = st.lists(st.sampled_from(["a", "b", "c", "d", "__index_level_0__", "e"]), max_size=6)
DAMAGE = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6)


@st.composite
def tables(draw: Any) -> Any:
    names, rows = draw(NAMES), draw(FEW)
    kinds = draw(st.lists(st.sampled_from(list(COLUMNS)), min_size=len(names), max_size=len(names)))
    return pyarrow.Table.from_arrays([COLUMNS[kind](rows) for kind in kinds], names=names)


def damaged(content: bytes, damage: list[tuple[int, int]]) -> bytes:
    result = bytearray(content)
    for at, byte in damage:
        result[at % len(result)] = byte
    return bytes(result)


def stream(table: Any, compression: str | None) -> bytes:
    buffer = io.BytesIO()
    with pyarrow.ipc.new_stream(
        buffer, table.schema, options=pyarrow.ipc.IpcWriteOptions(compression=compression)
    ) as writer:
        writer.write_table(table)
    return buffer.getvalue()


def parquet(table: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


def test_streams_of_arrow(server: Server) -> None:
    @FINE
    @given(tables(), st.sampled_from([None, None, "zstd", "lz4"]), DAMAGE)
    def check(table: Any, compression: str | None, damage: list[tuple[int, int]]) -> None:
        server.check("frame", "/predict", damaged(stream(table, compression), damage), ARROW)

    for_its_share(check)


def test_files_of_parquet(server: Server) -> None:
    @FINE
    @given(tables(), st.sampled_from(["none", "zstd", "snappy"]), st.booleans(), DAMAGE)
    def check(table: Any, compression: str, dictionary: bool, damage: list[tuple[int, int]]) -> None:
        try:
            content = parquet(table, compression=compression, use_dictionary=dictionary)
        except (pyarrow.ArrowException, OSError):  # types that Parquet has not
            return
        server.check("frame", "/invocations", damaged(content, damage), PARQUET)

    for_its_share(check)


def test_arrays(server: Server) -> None:
    @FINE
    @given(
        st.lists(LENGTHS, max_size=4),
        st.sampled_from(["<f8", "<i8", "|b1", "O", "<U9", "<f2", "<c16", "V8", "<M8[s]"]),
        st.binary(max_size=64),
        DAMAGE,
    )
    def check(shape: list[Any], dtype: str, data: bytes, damage: list[tuple[int, int]]) -> None:
        described = repr({"descr": dtype, "fortran_order": False, "shape": tuple(shape)}).encode()
        head = b"\x93NUMPY\x01\x00" + len(described).to_bytes(2, "little") + described
        server.check("array", "/predict", damaged(head + data, damage), {"content-type": "application/x-npy"})

    for_its_share(check)


def test_tables_of_text(server: Server) -> None:
    cells = st.sampled_from(
        [
            "a",
            "b",
            "c",
            "d",
            "1",
            "1.5",
            '"',
            '""',
            '"x,y"',
            "",
            ",",
            ";",
            "\t",
            "\n",
            "\r",
            "\x00",
            "é",
            "true",
            "NaN",
            "1e999",
        ]
    )

    @FINE
    @given(
        st.lists(cells, max_size=40).map("".join),
        st.sampled_from(["", "; header=absent", "; charset=latin-1", "; header=", "; x"]),
        st.booleans(),
    )
    def check(text: str, parameters: str, lines: bool) -> None:
        media_type = "application/jsonlines" if lines else "text/csv"
        server.check(
            "frame", "/invocations", text.encode(), {"content-type": media_type + ("" if lines else parameters)}
        )

    for_its_share(check)


def test_heads(server: Server) -> None:
    lines = [
        *(
            b"GET /healthz HTTP/1.1",
            b"POST /predict HTTP/1.1",
            b"Host: a",
            b"Content-Length: 5",
            b"Transfer-Encoding: chunked",
            b"",
        ),
        *(
            b"5\r\nhello",
            b"0\r\n",
            b"0\r\nX: y",
            b"Expect: 100-continue",
            b"Content-Type: application/json",
            b"Connection: close",
        ),
        *(b"Upgrade: h2c\r\nConnection: upgrade", b": "),
    ]
    pieces = [b"hello", b"x" * 3000, b"\x00", b"HTTP/1.0", b"HEAD ", b" ", b"%zz"]
    parts = st.sampled_from([*(line + b"\r\n" for line in lines), *pieces])

    @FINE
    @given(st.lists(parts, max_size=20).map(b"".join), DAMAGE)
    def check(content: bytes, damage: list[tuple[int, int]]) -> None:
        content = damaged(content, damage) if content else content
        answer = b""
        with socket.create_connection(("127.0.0.1", server.ports["array"]), timeout=90) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionResetError):
                while part := connection.recv(65536):
                    answer += part
        statuses = [line.split(b" ")[1] for line in answer.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]
        assert all(
            status in (b"100", b"200") or status[:1] == b"4" or status in (b"501", b"505") for status in statuses
        ), answer
        assert server.size() - server.before < MOST_GROWTH_BYTES

    for_its_share(check)


def test_the_server_is_as_good_as_new(server: Server) -> None:
    assert server.answer("array", "/predict", b'{"x": [[1, 2, 3]]}', JSON) == (200, b"[1.0]")
    assert Path(f"/proc/{server.processes[0].pid}").exists()
