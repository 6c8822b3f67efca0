"""Answers that are long, that claim to be, and that somebody has added to, from a thread and from an event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mlem.clients.connection.receiving import BLOCK_BYTES
from mlem.clients.course import follow_async
from mlem.clients.http import HttpClient
from mlem_model.errors import PlatformError

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


class Saying:
    """A server that says one thing after the other, whatever it is asked; what ends in nothing is a closed connection.

    Args:
        words: What it says, one for each request; empty to close the connection.
    """

    def __init__(self, *words: bytes) -> None:
        self._words = list(words)
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while self._words:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with connection:
                while self._words and connection.recv(65536):
                    said = self._words.pop(0)
                    connection.sendall(said)
                    if self._words and not self._words[0]:
                        self._words.pop(0)
                        break

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def saying(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Saying]]:
    monkeypatch.delenv("MLEM_TOKEN", raising=False)
    made: list[Saying] = []

    def make(*words: bytes) -> Saying:
        made.append(Saying(*words))
        return made[-1]

    yield make
    for one in made:
        one.close()


def by_thread(client: HttpClient, count: int) -> list[Any]:
    return [client.call_encoded("predict", {"x": 1}) for _ in range(count)]


def by_loop(client: HttpClient, count: int) -> list[Any]:
    async def call() -> list[Any]:
        return [await follow_async(client._call_encoded("predict", {"x": 1}), client._get_async) for _ in range(count)]

    return asyncio.run(call())


both = pytest.mark.parametrize("call", [by_thread, by_loop])


def answer(body: bytes) -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


@both
@pytest.mark.parametrize("size", [100_000, BLOCK_BYTES + 100_000])
def test_a_long_answer_comes_whole_and_keeps_its_connection(saying: Any, call: Any, size: int) -> None:
    server = saying(answer(b'"' + b"x" * size + b'"'), answer(b"2"))
    with HttpClient(url=server.url) as client:
        long, short = call(client, 2)
    assert (len(long), set(long), short, server.connections) == (size, {"x"}, 2, 1)


@both
def test_a_long_answer_in_chunks_comes_whole(saying: Any, call: Any) -> None:
    chunk = b"%x\r\n%s\r\n" % (50_000, b"7" * 50_000)
    server = saying(HEAD + b'Transfer-Encoding: chunked\r\n\r\n1\r\n"\r\n' + chunk * 10 + b'1\r\n"\r\n0\r\n\r\n')
    with HttpClient(url=server.url) as client:
        assert call(client, 1) == ["7" * 500_000]


@both
def test_a_length_that_is_only_claimed_takes_no_memory(saying: Any, call: Any) -> None:
    server = saying(HEAD + b"Content-Length: 1073741824\r\n\r\n1", b"")
    tracemalloc.start()
    try:
        with HttpClient(url=server.url) as client, pytest.raises(PlatformError) as caught:
            call(client, 1)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (caught.value.code, caught.value.message) == (
        "connection-lost",
        f"{server.url}: the connection was lost: the server closed it before the end of its answer",
    )
    assert peak_bytes < 2 * BLOCK_BYTES


@both
@pytest.mark.parametrize("more", [b"!", answer(b"666"), b"\0" * 100])
def test_what_follows_an_answer_is_nobodys_answer(saying: Any, call: Any, more: bytes) -> None:
    server = saying(answer(b"1") + more, b"", answer(b"2") + more, b"", answer(b"3"))
    with HttpClient(url=server.url) as client:
        assert call(client, 3) == [1, 2, 3]
    assert server.connections == 3


@both
def test_interim_answers_are_passed_over(saying: Any, call: Any) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
    server = saying(b"HTTP/1.1 100 Continue\r\n\r\n" + interim * 3 + answer(b"1"), answer(b"2"))
    with HttpClient(url=server.url) as client:
        assert (call(client, 2), server.connections) == ([1, 2], 1)


@both
@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"SSH-2.0-OpenSSH_9.2\r\n", "its answer is not HTTP/1.1: Expected HTTP/, RTSP/ or ICE/"),
        (HEAD + b"X: y\r\n" * 50_000, "its answer has a head of more than 102400 bytes"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000, "its answer has a head of more than 102400 bytes"),
    ],
)
def test_what_is_no_answer_is_a_lost_connection(saying: Any, call: Any, said: bytes, why: str) -> None:
    server = saying(said, b"")
    with HttpClient(url=server.url) as client, pytest.raises(PlatformError) as caught:
        call(client, 1)
    assert (caught.value.code, caught.value.message) == (
        "connection-lost",
        f"{server.url}: the connection was lost: {why}",
    )
