"""Answers that are larger than a caller wants: endless ones, and few bytes that stand for very many."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import json
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy
import pyarrow
import pytest

from mlem.clients.http import HttpClient
from mlem_model.data.formats.binary import ARROW
from mlem_model.data.types.any import ListType, infer
from mlem_model.errors import PlatformError
from mlem_model.models.model import Argument, Method
from mlem_model.serving.interface import Interface

TEXT, TABLE = infer("x"), infer(numpy.zeros((2, 2)))
INTERFACE = Interface(
    version="1", digest="0" * 32, model_type="callable", formats=(ARROW,),
    methods={
        "predict": Method(name="predict", args=(Argument(name="x", data_type=TEXT),), returns=TEXT),
        "tell": Method(
            name="tell", args=(Argument(name="x", data_type=TEXT),), returns=ListType(dtype=TEXT), streams=True
        ),
        "table": Method(name="table", args=(Argument(name="x", data_type=TABLE),), returns=TABLE),
    },
)  # fmt: skip
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n"
JSON = HEAD % b"application/json"
LINES = HEAD % b"application/x-ndjson"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
PIECE = b"7" * 65536
MOST_BYTES = 2**20


class Peer:
    """A server that says its interface, and of every other answer a beginning; then the same again until it is left.

    Args:
        begin: What it says first.
        again: What it says from then on; empty to close the connection.
    """

    def __init__(self, begin: bytes, again: bytes) -> None:
        self._begin, self._again = begin, again
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.left = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection:
            while asked := connection.recv(1 << 20):
                if asked.startswith(b"GET"):
                    body = json.dumps(INTERFACE.to_json()).encode()
                    connection.sendall(JSON + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                    continue
                try:
                    connection.sendall(self._begin)
                    while self._again:
                        connection.sendall(self._again)
                except OSError:
                    self.left.set()
                return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def peer(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes, bytes], Peer]]:
    monkeypatch.delenv("MLEM_TOKEN", raising=False)
    made: list[Peer] = []

    def make(begin: bytes, again: bytes) -> Peer:
        made.append(Peer(begin, again))
        return made[-1]

    yield make
    for one in made:
        one.close()


def by_thread(client: HttpClient, method: str, value: Any) -> Any:
    answer = client.call(method, value)
    return list(answer) if method == "tell" else answer


def by_loop(client: HttpClient, method: str, value: Any) -> Any:
    async def call() -> Any:
        answer = await client.call_async(method, value)
        return [item async for item in answer] if method == "tell" else answer

    return asyncio.run(call())


both = pytest.mark.parametrize("call", [by_thread, by_loop])


def said(body: bytes, head: bytes = JSON, *headers: bytes) -> bytes:
    return head + b"".join(headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body


ENDLESS = {
    "chunks": (JSON + CHUNKED, b"%x\r\n%s\r\n" % (len(PIECE), PIECE)),
    "tiny chunks": (JSON + CHUNKED, b"1\r\n7\r\n" * 10_000),
    "no length": (JSON + b"\r\n", PIECE),
    "length": (JSON + b"Content-Length: %d\r\n\r\n" % 2**60, PIECE),
    "greatest length": (JSON + b"Content-Length: 18446744073709551615\r\n\r\n", PIECE),
    "refusal": (JSON.replace(b"200 OK", b"500 No") + CHUNKED, b"%x\r\n%s\r\n" % (len(PIECE), PIECE)),
    "item": (LINES + CHUNKED, b"%x\r\n%s\r\n" % (len(PIECE), PIECE)),
    "tiny pieces of an item": (LINES + CHUNKED, b"1\r\n7\r\n" * 10_000),
}
GZIP, DEFLATE = b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n"
BOMBS = {
    "gzip": (said(gzip.compress(b"7" * 2**26), JSON, GZIP), b""),
    "deflate": (said(zlib.compress(b"7" * 2**26), JSON, DEFLATE), b""),
    "gzip in chunks": (
        JSON + GZIP + CHUNKED + b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [gzip.compress(b"7" * 2**26)])
        + b"0\r\n\r\n", b"",
    ),
}  # fmt: skip


@both
@pytest.mark.parametrize("case", [*ENDLESS, *BOMBS])
def test_an_answer_that_is_too_large_ends_before_it_is_in_memory(peer: Any, call: Any, case: str) -> None:
    server = peer(*{**ENDLESS, **BOMBS}[case])
    method = "tell" if "item" in case else "predict"
    with HttpClient(url=server.url, max_answer_mib=1) as client:
        assert client.methods == ("predict", "tell", "table")
        tracemalloc.start()
        try:
            with pytest.raises(PlatformError) as caught:
                call(client, method, "x")
            peak_bytes = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    error = caught.value
    assert (error.code, error.exit_code, error.message, error.hint) == (
        "answer-too-large", 7, f"the answer of {server.url} is larger than 1 MiB",
        "ask for fewer rows at once, or allow more: max_answer_mib, --max-answer-mib",
    )  # fmt: skip
    assert peak_bytes < 5 * MOST_BYTES
    assert case in BOMBS or server.left.wait(30)


@both
@pytest.mark.parametrize("coded", [False, True])
def test_an_answer_of_just_that_size_comes_whole(peer: Any, call: Any, coded: bool) -> None:
    body = b'"%s"' % (b"x" * (MOST_BYTES - 2))
    server = peer(said(gzip.compress(body), JSON, GZIP) if coded else said(body), b"")
    with HttpClient(url=server.url, max_answer_mib=1) as client:
        assert len(call(client, "predict", "x")) == MOST_BYTES - 2


@both
def test_a_stream_may_be_larger_than_each_of_its_items(peer: Any, call: Any) -> None:
    line = b'"%s"\n' % (b"x" * 200_000)
    server = peer(LINES + CHUNKED + b"%x\r\n%s\r\n" % (len(line), line) * 8 + b"0\r\n\r\n", b"")
    with HttpClient(url=server.url, max_answer_mib=0.5) as client:
        assert [len(item) for item in call(client, "tell", "x")] == [200_000] * 8


def arrow(table: pyarrow.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with pyarrow.ipc.new_stream(buffer, table.schema, options=pyarrow.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return buffer.getvalue()


@both
def test_a_table_that_unfolds_to_more_is_refused(peer: Any, call: Any) -> None:
    nulls = pyarrow.table({"0": pyarrow.nulls(10**9), "1": pyarrow.nulls(10**9)})
    server = peer(said(arrow(nulls), HEAD % ARROW.encode()), b"")
    with HttpClient(url=server.url, max_answer_mib=1) as client, pytest.raises(PlatformError) as caught:
        call(client, "table", numpy.zeros((5000, 2)))
    assert (caught.value.code, caught.value.message) == (
        "answer-too-large", "the answer of table is larger than 1 MiB",
    )  # fmt: skip


@both
def test_a_compressed_table_is_not_unpacked(peer: Any, call: Any) -> None:
    packed = arrow(pyarrow.table({"0": numpy.zeros(10**5), "1": numpy.zeros(10**5)}), compression="zstd")
    server = peer(said(packed, HEAD % ARROW.encode()), b"")
    with HttpClient(url=server.url) as client, pytest.raises(PlatformError) as caught:
        call(client, "table", numpy.zeros((5000, 2)))
    assert (caught.value.code, caught.value.message) == (
        "bad-answer", "table gave an answer that does not fit its signature: its Arrow is compressed",
    )  # fmt: skip
