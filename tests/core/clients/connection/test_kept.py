"""Connections that are kept, and closed by the other side in the moment in which the next call arrives."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from mlem.clients.http import HttpClient
from mlem_model.data.types.any import infer
from mlem_model.errors import PlatformError
from mlem_model.models.model import Argument, Method
from mlem_model.serving.interface import Interface

NUMBER = infer(1.0)


class Closing:
    """A server that answers so many calls on each connection, then closes it when another one has arrived on it.

    A load balancer does so when its limit for idle connections and a call come at once.

    Args:
        calls: How many calls of a connection are answered.
        answered: What of an answer is sent before it closes.
        effects: Whether its method has effects.
    """

    def __init__(self, calls: int, answered: bytes = b"", *, effects: bool = False) -> None:
        self.received = 0
        self._calls, self._answered = calls, answered
        method = Method(name="predict", args=(Argument(name="x", data_type=NUMBER),), returns=NUMBER, effects=effects)
        self._interface = Interface(
            version="1", digest="0" * 32, model_type="callable", methods={"predict": method}
        ).to_json()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as file:
            calls = 0
            while line := file.readline():
                length = 0
                while (header := file.readline().strip()) != b"":
                    name, _, value = header.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                file.read(length)
                if line.startswith(b"POST"):
                    self.received += 1
                    if calls == self._calls:
                        connection.sendall(self._answered)
                        return
                    calls += 1
                body = b"2.0" if line.startswith(b"POST") else json.dumps(self._interface).encode()
                head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Closing]:
    made = Closing(**request.param)
    yield made
    made.close()


def given(**values: Any) -> Any:
    return pytest.mark.parametrize("server", [values], indirect=True)


@given(calls=1)
def test_no_call_fails_when_kept_connections_are_closed(server: Closing) -> None:
    client = HttpClient(url=server.url)
    assert [client.predict(1.0) for _ in range(10)] == [2.0] * 10
    assert server.received == 19  # each but the first was sent on a kept connection, and once more


@given(calls=1)
def test_nor_on_an_event_loop(server: Closing) -> None:
    async def call() -> list[Any]:
        client = HttpClient(url=server.url)
        return [await client.call_async("predict", 1.0) for _ in range(10)]

    assert asyncio.run(call()) == [2.0] * 10
    assert server.received == 19


@given(calls=1, effects=True)
def test_a_call_with_effects_is_never_sent_again(server: Closing) -> None:
    client = HttpClient(url=server.url)
    assert client.predict(1.0) == 2.0
    with pytest.raises(PlatformError, match="the connection was lost"):
        client.predict(1.0)
    assert server.received == 2


@given(calls=1, answered=b"HTTP/1.1 200 OK\r\n")
def test_nor_is_one_whose_answer_had_begun(server: Closing) -> None:
    client = HttpClient(url=server.url)
    assert client.predict(1.0) == 2.0
    with pytest.raises(PlatformError, match="the connection was lost"):
        client.predict(1.0)
    assert server.received == 2


@given(calls=0)
def test_nor_one_on_a_connection_that_was_made_for_it(server: Closing) -> None:
    client = HttpClient(url=server.url)
    assert client.methods == ("predict",)
    client.close()
    with pytest.raises(PlatformError, match="the connection was lost"):
        client.predict(1.0)
    assert server.received == 1
