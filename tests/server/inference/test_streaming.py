"""Answers that are awaited, and answers that come item by item, from a real server to real callers."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mlem.clients.http import HttpClient
from mlem_model.errors import PlatformError, UserError
from mlem_model.frameworks.callable import CallableModel, ObjectModel
from mlem_model.models.saving import save

MODEL_TYPES = (ObjectModel, CallableModel)
NDJSON, EVENTS, JSON = "application/x-ndjson", "text/event-stream", "application/json"


def wait_for(path: Path) -> None:
    done = threading.Event()
    for _ in range(6000):
        if path.exists():
            return
        done.wait(0.01)
    raise AssertionError(f"{path} did not appear")


class Teller:
    """Tells items one by one; files say how far it may go and how far it went."""

    def predict(self, folder: str) -> Iterator[dict[str, Any]]:
        import os
        import time

        try:
            for number in range(4):
                while number and folder != os.devnull and not os.path.exists(f"{folder}/go-{number}"):
                    time.sleep(0.005)
                if folder != os.devnull and os.path.exists(f"{folder}/fail-{number}"):
                    raise ValueError(f"no {number} in /a/secret/place")
                yield {"number": number, "text": "ä\n"}
        finally:
            if folder != os.devnull:
                with open(f"{folder}/closed", "w"):
                    pass

    def plain(self, x: int) -> int:
        return -x


class Awaited:
    """The same, and more, with await."""

    async def predict(self, folder: str) -> AsyncIterator[int]:
        import asyncio
        import os

        try:
            for number in range(3):
                while number and folder != os.devnull and not os.path.exists(f"{folder}/go-{number}"):
                    await asyncio.sleep(0.005)
                yield number
        finally:
            if folder != os.devnull:
                with open(f"{folder}/closed", "w"):
                    pass

    async def meet(self, name: str) -> str:
        """Answer when somebody else has asked as well."""
        import asyncio
        import os

        folder, _, own = name.rpartition("/")
        if not folder or name == os.devnull:
            return name
        try:
            with open(f"{folder}/{own}.came", "w"):
                pass
            while len([file for file in os.listdir(folder) if file.endswith(".came")]) < 8:
                await asyncio.sleep(0.005)
            if own == "wrong":
                raise ValueError("this one is wrong")
            return own
        except asyncio.CancelledError:
            with open(f"{folder}/{own}.cancelled", "w"):
                pass
            raise


@pytest.fixture(scope="module")
def teller(shared_starter: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("teller")
    save_two(Teller(), folder / "teller", "plain", 1)
    return shared_starter.start(folder / "teller", "--access-log")


@pytest.fixture(scope="module")
def awaited(shared_starter: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("awaited")
    save(Awaited(), folder / "awaited", sample_data=os.devnull, methods=["predict", "meet"], model_types=MODEL_TYPES)
    return shared_starter.start(folder / "awaited")


def save_two(obj: Any, path: Path, other: str, sample: Any) -> None:
    """Save an object whose second method takes another sample."""

    class Kind(ObjectModel):
        @classmethod
        def sample_of(cls, obj: Any, method: str, sample_data: Any) -> Any:
            return sample if method == other else sample_data

    save(obj, path, sample_data=os.devnull, methods=["predict", other], model_types=(Kind,))


ITEMS = [{"number": number, "text": "ä\n"} for number in range(4)]


def ask(served: Any, folder: str, accept: str | None, path: str = "/predict") -> tuple[int, str, bytes]:
    headers = {"accept": accept} if accept else {}
    reply = served.post(path, {"folder": folder}, headers)
    return reply.status, reply.headers["content-type"], reply.body


@pytest.mark.parametrize("accept", [None, "*/*", NDJSON, f"{NDJSON}, {JSON};q=0.5"])
def test_items_come_as_json_lines(teller: Any, accept: str | None) -> None:
    status, content_type, body = ask(teller, os.devnull, accept)
    assert (status, content_type) == (200, NDJSON)
    assert [json.loads(line) for line in body.decode().removesuffix("\n").split("\n")] == ITEMS


def test_items_come_as_events_where_they_are_asked_for(teller: Any) -> None:
    reply = teller.post("/predict", {"folder": os.devnull}, {"accept": EVENTS})
    assert (reply.status, reply.headers["content-type"], reply.headers["cache-control"]) == (200, EVENTS, "no-cache")
    *items, end, rest = reply.body.decode().split("\n\n")
    assert [json.loads(item.removeprefix("data: ")) for item in items] == ITEMS
    assert (end, rest) == ("event: end\ndata: {}", "")


def test_all_items_come_as_a_list_where_json_is_asked_for_and_in_other_protocols(teller: Any) -> None:
    assert (ask(teller, os.devnull, JSON)[:2], json.loads(ask(teller, os.devnull, JSON)[2])) == ((200, JSON), ITEMS)
    assert json.loads(ask(teller, os.devnull, None, "/invocations")[2]) == ITEMS
    reply = teller.post(
        "/v2/models/teller/infer",
        {"inputs": [{"name": "folder", "shape": [1], "datatype": "BYTES", "data": [os.devnull]}]},
    )
    assert [json.loads(item) for item in reply.json["outputs"][0]["data"]] == ITEMS
    both = teller.post(
        "/invocations",
        {"predict": {"folder": os.devnull}, "plain": {"x": 2}},
        {"x-amzn-sagemaker-custom-attributes": "mlem=calls"},
    )
    assert both.json == {"predict": ITEMS, "plain": -2}


def test_the_interface_and_the_openapi_document_say_that_it_streams(teller: Any) -> None:
    methods = teller.get("/interface.json").json["methods"]
    assert {name: method.get("streams") for name, method in methods.items()} == {"predict": True, "plain": None}
    content = teller.get("/openapi.json").json["paths"]["/predict"]["post"]["responses"]["200"]["content"]
    assert sorted(content) == [JSON, NDJSON, EVENTS]


def test_a_connection_lives_on_after_a_stream(teller: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", teller.port, timeout=60)
    with contextlib.closing(connection):
        for _ in range(3):
            connection.request("POST", "/predict", json.dumps({"folder": os.devnull}), {"content-type": JSON})
            used = connection.sock
            response = connection.getresponse()
            assert (response.getheader("transfer-encoding"), len(response.read().splitlines())) == ("chunked", 4)
            assert connection.sock is used


def test_a_caller_of_http_1_0_gets_lines_until_the_end_of_the_connection(teller: Any) -> None:
    body = json.dumps({"folder": os.devnull}).encode()
    answer = teller.raw(
        b"POST /predict HTTP/1.0\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    head, _, lines = answer.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert b"content-length" not in head
    assert b"connection: close" in head
    assert [json.loads(line) for line in lines.splitlines()] == ITEMS


def test_requests_that_follow_a_stream_on_its_connection_are_answered_after_it(teller: Any) -> None:
    body = json.dumps({"folder": os.devnull}).encode()
    first = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    answer = teller.raw(first + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    stream, _, health = answer.partition(b"0\r\n\r\n")
    assert (
        stream.count(b'{"number":'),
        health.startswith(b"HTTP/1.1 200 "),
        health.endswith(b'{"status":"alive"}'),
    ) == (4, True, True)


def test_an_item_is_there_before_the_next_is_made(teller: Any, tmp_path: Path) -> None:
    with HttpClient(url=teller.url) as client:
        stream = client.call("predict", str(tmp_path))
        for number in range(4):
            assert next(stream) == {"number": number, "text": "ä\n"}
            (tmp_path / f"go-{number + 1}").touch()
        assert list(stream) == []
        assert client.call("plain", 3) == -3


def test_other_calls_are_answered_between_two_items(teller: Any, tmp_path: Path) -> None:
    for number in range(1, 4):
        (tmp_path / f"go-{number}").touch()
    with HttpClient(url=teller.url) as client, HttpClient(url=teller.url) as other:
        streams = [client.call("predict", str(tmp_path)), other.call("predict", os.devnull)]
        for number in range(4):
            assert [next(stream)["number"] for stream in streams] == [number, number]
            assert client.call("plain", number) == -number


def test_a_stream_that_fails_at_its_start_is_answered_as_any_call(teller: Any, tmp_path: Path) -> None:
    (tmp_path / "fail-0").touch()
    reply = teller.post("/predict", {"folder": str(tmp_path)})
    expected = "predict: the model refused the data: no 0 in [path]"
    assert (reply.status, reply.json["error"]["code"], reply.json["error"]["message"]) == (
        422,
        "model-refused",
        expected,
    )
    with HttpClient(url=teller.url) as client, pytest.raises(UserError, match="no 0 in"):
        client.call("predict", str(tmp_path))


@pytest.mark.parametrize("accept", [NDJSON, EVENTS])
def test_a_stream_that_fails_on_its_way_says_so_and_lacks_its_end(teller: Any, tmp_path: Path, accept: str) -> None:
    for name in ("go-1", "go-2", "fail-2"):
        (tmp_path / name).touch()
    body = json.dumps({"folder": str(tmp_path)}).encode()
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nX-Request-Id: %s\r\nContent-Length: %d\r\n\r\n"
    answer = teller.raw(head % (accept.encode(), b"failing-stream", len(body)) + body)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert not answer.endswith(b"0\r\n\r\n")
    last = answer.rstrip(b"\r\n").rpartition(b"\n")[2].removeprefix(b"data: ")
    message = "predict: the model refused the data: no 2 in [path]"
    assert json.loads(last) == {
        "error": {"code": "model-refused", "message": message, "request_id": "failing-stream", "status": 422}
    }
    assert (b"event: error\ndata: " in answer) is (accept == EVENTS)
    assert "no 2 in /a/secret/place" in teller.log


def test_the_client_gives_what_came_before_a_failure_and_then_the_error(teller: Any, tmp_path: Path) -> None:
    for name in ("go-1", "go-2", "fail-2"):
        (tmp_path / name).touch()
    with HttpClient(url=teller.url) as client:
        stream = client.call("predict", str(tmp_path))
        assert [next(stream)["number"], next(stream)["number"]] == [0, 1]
        with pytest.raises(UserError) as caught:
            next(stream)
        assert (caught.value.code, caught.value.message) == (
            "model-refused",
            "predict: the model refused the data: no 2 in [path]",
        )
        assert client.call("plain", 1) == -1


def test_an_item_that_looks_like_an_error_is_an_item(starter: Any, tmp_path: Path) -> None:
    def predict(count: int) -> Iterator[Any]:
        yield from ({"error": {"message": f"number {number}"}} for number in range(count))

    save(predict, tmp_path / "m", sample_data=2, model_types=MODEL_TYPES)
    with HttpClient(url=starter.start(tmp_path / "m").url) as client:
        for count in (0, 1, 3):
            assert list(client.call("predict", count)) == [
                {"error": {"message": f"number {number}"}} for number in range(count)
            ]


def test_a_generator_is_closed_when_its_caller_is_gone(teller: Any, tmp_path: Path) -> None:
    with HttpClient(url=teller.url) as client:
        stream = client.call("predict", str(tmp_path))
        assert next(stream)["number"] == 0
        stream.close()
    (tmp_path / "go-1").touch()  # a generator can't be closed while it works
    wait_for(tmp_path / "closed")
    assert not (tmp_path / "go-2").exists()
    with HttpClient(url=teller.url) as client:
        assert client.call("plain", 1) == -1


def test_what_is_not_read_is_not_made(starter: Any, tmp_path: Path) -> None:
    class Endless:
        made = 0

        def predict(self, count: int) -> Iterator[str]:
            for _ in range(count):
                self.made += 1
                yield "x" * 65536

        def told(self, x: int) -> int:
            return self.made if x else 0

    save(Endless(), tmp_path / "m", sample_data=0, methods=["predict", "told"], model_types=MODEL_TYPES)
    served = starter.start(tmp_path / "m")
    body = b'{"count": 100000}'
    with socket.socket() as connection, HttpClient(url=served.url) as client:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        connection.connect(("127.0.0.1", served.port))
        connection.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        connection.recv(1000)
        for _ in range(1000):  # each comes in turn with the stream
            made = client.call("told", 1)
        assert made < 500
        received = 0
        while received < 2**26:  # and it goes on when its caller reads
            received += len(connection.recv(65536))
        assert client.call("told", 1) > 900


def test_a_stream_that_stops_between_two_items_is_broken_off(starter: Any, tmp_path: Path) -> None:
    save_two(Teller(), tmp_path / "m", "plain", 1)
    served = starter.start(tmp_path / "m", "--request-timeout-s", "1")
    (tmp_path / "go-1").touch()
    with HttpClient(url=served.url) as client:
        stream = client.call("predict", str(tmp_path))
        assert [next(stream)["number"], next(stream)["number"]] == [0, 1]
        with pytest.raises(PlatformError) as caught:
            next(stream)
        assert (caught.value.code, caught.value.message) == ("timed-out", "no answer within 1 s")
        for number in (2, 3):
            (tmp_path / f"go-{number}").touch()
        wait_for(tmp_path / "closed")
        deadline = time.monotonic() + 60
        while served.post("/plain", {"x": 1}).status != 200:
            assert time.monotonic() < deadline


def test_a_server_that_stops_lets_a_stream_end_and_breaks_off_what_takes_longer(starter: Any, tmp_path: Path) -> None:
    save_two(Teller(), tmp_path / "m", "plain", 1)
    ends, stays = tmp_path / "ends", tmp_path / "stays"
    for folder in (ends, stays):
        folder.mkdir()
    for number in (1, 2, 3):
        (ends / f"go-{number}").touch()
    served = starter.start(tmp_path / "m", "--shutdown-timeout-s", "2")
    with HttpClient(url=served.url) as client:
        stream = client.call("predict", str(ends))
        assert next(stream)["number"] == 0
        served.process.terminate()
        assert [item["number"] for item in stream] == [1, 2, 3]
    assert served.process.wait(timeout=60) == 0
    served = starter.start(tmp_path / "m", "--shutdown-timeout-s", "0.2")
    with HttpClient(url=served.url) as client:
        stream = client.call("predict", str(stays))
        assert next(stream)["number"] == 0
        served.process.terminate()
        with pytest.raises(PlatformError) as caught:
            next(stream)
        assert caught.value.code == "stopping"
    assert served.process.wait(timeout=60) == 9


def test_a_stream_is_awaited_item_by_item(teller: Any) -> None:
    async def collect() -> list[int]:
        with HttpClient(url=teller.url) as client:
            return [item["number"] async for item in await client.call_async("predict", os.devnull)]

    assert asyncio.run(collect()) == [0, 1, 2, 3]


def test_an_async_generator_is_a_stream(awaited: Any, tmp_path: Path) -> None:
    assert ask(awaited, os.devnull, None)[2] == b"0\n1\n2\n"
    assert json.loads(ask(awaited, os.devnull, JSON)[2]) == [0, 1, 2]
    with HttpClient(url=awaited.url) as client:
        stream = client.call("predict", str(tmp_path))
        assert next(stream) == 0
        assert (
            client.call("meet", "alone") == "alone"
        )  # the model waits for the next item, and others need not wait for it
        (tmp_path / "go-1").touch()
        assert next(stream) == 1
        stream.close()
    wait_for(tmp_path / "closed")


def test_calls_of_an_async_function_are_at_work_together(awaited: Any, tmp_path: Path) -> None:
    def meet(name: str) -> Any:
        reply = awaited.post("/meet", {"name": f"{tmp_path}/{name}"})
        return reply.json if reply.status == 200 else (reply.status, reply.json["error"]["message"])

    names = ["a", "b", "c", "d", "e", "f", "g", "wrong"]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(meet, names))
    assert answers == [*names[:7], (422, "meet: the model refused the data: this one is wrong")]


def test_an_awaited_call_is_cancelled_when_its_caller_is_gone(awaited: Any, tmp_path: Path) -> None:
    body = json.dumps({"name": f"{tmp_path}/lonely"}).encode()
    with socket.create_connection(("127.0.0.1", awaited.port), timeout=60) as connection:
        connection.sendall(b"POST /meet HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        wait_for(tmp_path / "lonely.came")
    wait_for(tmp_path / "lonely.cancelled")
    assert awaited.post("/meet", {"name": "alone"}).json == "alone"


def test_awaited_calls_are_bounded_and_a_late_one_is_cancelled(starter: Any, tmp_path: Path) -> None:
    save(Awaited(), tmp_path / "m", sample_data=os.devnull, methods=["meet"], model_types=MODEL_TYPES)
    served = starter.start(tmp_path / "m", "--max-queue", "0", "--request-timeout-s", "1")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(served.post, "/meet", {"name": f"{tmp_path}/one"})
        wait_for(tmp_path / "one.came")
        assert served.post("/meet", {"name": "two"}).json["error"]["code"] == "overloaded"
        assert first.result().json["error"]["code"] == "timed-out"
    wait_for(tmp_path / "one.cancelled")
    deadline = time.monotonic() + 60
    while served.post("/meet", {"name": "three"}).status != 200:
        assert time.monotonic() < deadline


def test_an_async_model_keeps_what_it_made_on_its_loop(starter: Any, tmp_path: Path) -> None:
    class Session:
        lock: Any = None

        async def __call__(self, x: int) -> int:
            import asyncio

            if self.lock is None:
                self.lock = (asyncio.get_running_loop(), asyncio.Event())
                self.lock[1].set()
            assert self.lock[0] is asyncio.get_running_loop()
            await self.lock[1].wait()
            return x + 1

        def __getstate__(self) -> dict[str, Any]:
            return {}

    save(Session(), tmp_path / "m", sample_data=1, model_types=MODEL_TYPES)
    served = starter.start(tmp_path / "m")
    assert [served.post("/predict", {"x": number}).json for number in range(3)] == [1, 2, 3]


@pytest.mark.parametrize("way", ["exit", "cancelled"])
def test_an_async_model_that_ends_itself_does_not_end_the_server(starter: Any, tmp_path: Path, way: str) -> None:
    async def predict(way: str) -> str:
        import asyncio

        await asyncio.sleep(0)
        if way == "exit":
            raise SystemExit(3)
        if way == "cancelled":
            raise asyncio.CancelledError
        return way

    save(predict, tmp_path / "m", sample_data="fine", model_types=MODEL_TYPES)
    served = starter.start(tmp_path / "m")
    assert served.post("/predict", {"way": way}).json["error"]["code"] == "model-failed"
    assert served.post("/predict", {"way": "fine"}).json == "fine"
