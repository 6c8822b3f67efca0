"""A head that comes again, byte for byte, is not parsed anew; nobody notices but the clock."""

from __future__ import annotations

import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

from mlem_server.http.repeated_head import RepeatedHead
from mlem_server.http.request import Request

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
OTHER = {"sepal_length": 6.7, "sepal_width": 3.0, "petal_length": 5.2, "petal_width": 2.3}


def call(row: Any, *, path: str = "/predict", **headers: str) -> bytes:
    body = json.dumps({"X": [row]} if "sepal_length" in row else row).encode()
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"POST {path} HTTP/1.1\r\nHost: x\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Kept:
    """A kept connection."""

    def __init__(self, served: Any) -> None:
        self.socket = socket.create_connection(("127.0.0.1", served.port), timeout=60)

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += self.socket.recv(1)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        body = b""
        while len(body) < length:
            body += self.socket.recv(length - len(body))
        return int(head.split()[1]), body

    def ask(self, data: bytes) -> tuple[int, bytes]:
        self.send(data)
        return self.answer()


@pytest.fixture
def kept(iris: Any) -> Any:
    connection = Kept(iris)
    yield connection
    connection.socket.close()


def test_each_body_gets_its_own_answer(kept: Kept) -> None:
    for _ in range(3):
        assert kept.ask(call(ROW)) == (200, b"[0]")
        assert kept.ask(call(OTHER)) == (200, b"[2]")
        assert kept.ask(call({**ROW, "sepal_length": "a"}))[0] == 422
        assert kept.ask(call(ROW, path="/predict_proba"))[1] == b"[[1.0,0.0,0.0]]"


@pytest.mark.parametrize("times", [2, 3])
def test_several_in_one_piece_are_several(kept: Kept, times: int) -> None:
    for _ in range(3):
        kept.send(call(ROW) * times + call(OTHER))
        assert [kept.answer() for _ in range(times + 1)] == [(200, b"[0]")] * times + [(200, b"[2]")]
        assert kept.ask(call(OTHER)) == (200, b"[2]")


@pytest.mark.parametrize("cut", [1, 20, 60, -1])
def test_one_that_comes_in_parts_is_one(kept: Kept, cut: int) -> None:
    for row, answer in ((ROW, b"[0]"), (OTHER, b"[2]"), (ROW, b"[0]")):
        assert kept.ask(call(row)) == (200, answer)
        kept.send(call(row)[:cut])
        assert kept.ask(call(row)[cut:]) == (200, answer)


def test_the_end_of_a_head_may_be_in_a_body(starter: Any, file_model: Path) -> None:
    connection = Kept(starter.start(file_model))
    bodies = [b'{"path":\r\n\r\n"%s"}' % os.devnull.encode(), b'\r\n\r\n{"path": "%s"}' % os.devnull.encode()]
    for body in bodies * 3:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        assert connection.ask(head + body) == (200, json.dumps(os.devnull).encode())
    connection.socket.close()


def test_what_a_request_is_admitted_for_is_looked_at_each_time(starter: Any, file_model: Path, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-of-today\n")
    served = starter.start(file_model, "--token-file", str(tokens), "--max-queue", "0")
    data = call({"path": os.devnull}, authorization="Bearer a-token-of-today")
    connection = Kept(served)
    assert [connection.ask(data)[0] for _ in range(3)] == [200] * 3
    with ThreadPoolExecutor() as pool:
        target = tmp_path / "go"
        slow = pool.submit(served.post, "/predict", {"path": str(target)}, {"authorization": "Bearer a-token-of-today"})
        wait_until(Path(f"{target}.started").exists)
        assert [connection.ask(data)[0] for _ in range(3)] == [503] * 3
        target.touch()
        assert slow.result().status == 200
    assert connection.ask(data)[0] == 200
    tokens.write_text("a-token-of-tomorrow\n")
    wait_until(lambda: connection.ask(data)[0] == 401)
    connection.socket.close()


def test_a_request_again_is_the_one_before_with_another_body() -> None:
    headers = {b"host": b"x", b"content-length": b"2"}
    before = Request(
        "POST", b"/predict?x=1", headers, True, 1.0, body=b"[]", route="predict", handler=lambda _request, _reply: None,
        media_type="application/json", coding="gzip", peer="10.1.2.3", timeout_s=2.5, takes_body=True,
    )  # fmt: skip
    known = RepeatedHead.of(before, b"POST ...\r\n\r\n[]")
    assert known is not None
    again = known.again(b"POST ...\r\n\r\n{}", 7.0)
    for name in ("method", "target", "headers", "keep_alive", "chunks", "route", "handler", "media_type", "coding"):
        assert getattr(again, name) == getattr(before, name)
    assert (again.peer, again.timeout_s, again.takes_body, again.body, again.started) == (
        "10.1.2.3",
        2.5,
        True,
        b"{}",
        7,
    )
    assert again.id != before.id


@pytest.mark.parametrize(
    "change",
    [{"keep_alive": False}, {"takes_body": False}, {"chunks": False}, {"headers": {b"host": b"x"}}, {"body": b"["}],
)
def test_others_are_not_remembered(change: dict[str, Any]) -> None:
    plain = {
        "headers": {b"content-length": b"2"},
        "keep_alive": True,
        "takes_body": True,
        "chunks": True,
        "body": b"[]",
    }
    request = Request(method="POST", target=b"/", started=0.0, **{**plain, **change})
    assert RepeatedHead.of(request, b"POST ...\r\n\r\n[]") is None
