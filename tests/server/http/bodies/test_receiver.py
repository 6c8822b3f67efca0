"""Large bodies, which are read past the parser of HTTP: callers see no difference."""

from __future__ import annotations

import contextlib
import io
import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import psutil
import pytest
from waiting import wait_until

from mlem_model.frameworks.callable import CallableModel
from mlem_model.models.saving import save

MIB = 2**20
ROWS = numpy.random.default_rng(0).normal(size=(40_000, 10))  # 3.2 MB
NPY = "application/x-npy"
SLOW = 7.0


@pytest.fixture(scope="module")
def doubling(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def predict(x: Any) -> Any:
        if x[0, 0] == SLOW:
            time.sleep(0.3)
        x *= 2  # models may write into their input
        return x

    path = tmp_path_factory.mktemp("doubling") / "doubling"
    save(predict, path, sample_data=numpy.ones((2, 10)), model_types=(CallableModel,))
    return path


@pytest.fixture(scope="module")
def served(shared_starter: Any, doubling: Path) -> Any:
    return shared_starter.start(doubling)


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    numpy.save(buffer, array)
    return buffer.getvalue()


def call(body: bytes, version: str = "1.1", **headers: str) -> bytes:
    lines = {"Host": "x", "Content-Type": NPY, "Accept": NPY, "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST /predict HTTP/{version}\r\n{head}\r\n".encode() + body


ROW = npy(ROWS[:1])


class Caller:
    """A kept connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rb")

    def send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        status = int(self._file.readline().split()[1])
        headers = dict(
            line.decode().lower().strip().split(": ", 1) for line in iter(self._file.readline, b"\r\n") if line
        )
        return status, self._file.read(int(headers.get("content-length", 0)))

    def expect(self, array: Any) -> None:
        status, body = self.answer()
        assert status == 200, body
        assert numpy.array_equal(numpy.load(io.BytesIO(body)), array)

    def ended(self) -> bool:
        return self._file.read() == b""

    def close(self) -> None:
        self._file.close()


@contextlib.contextmanager
def connected(port: int) -> Iterator[Caller]:
    with (
        socket.create_connection(("127.0.0.1", port), timeout=60) as connection,
        contextlib.closing(Caller(connection)) as caller,
    ):
        yield caller


@pytest.fixture
def caller(served: Any) -> Iterator[Caller]:
    with connected(served.port) as found:
        yield found


def test_each_body_gets_its_own_answer_on_one_connection(caller: Caller) -> None:
    for number in range(3):
        caller.send(call(npy(ROWS + number)))
        caller.expect(2 * (ROWS + number))
        caller.send(call(ROW))
        caller.expect(2 * ROWS[:1])


def test_several_one_behind_the_other_are_answered_in_their_order(caller: Caller) -> None:
    bodies = [ROWS[:1], ROWS, ROWS[:20_000], ROWS[:2], ROWS[::-1]]
    caller.send(b"".join(call(npy(body)) for body in bodies))
    for body in bodies:
        caller.expect(2 * body)


@pytest.mark.parametrize("cut", [10, 200, 300, 70_000, MIB, -1, -70_000])
def test_one_that_comes_in_parts_is_one(caller: Caller, cut: int) -> None:
    whole = call(npy(ROWS))
    caller.send(whole[:cut])
    time.sleep(0.05)  # so that the parts are read apart
    caller.send(whole[cut:] + call(ROW))
    caller.expect(2 * ROWS)
    caller.expect(2 * ROWS[:1])


def test_json_and_damaged_bodies_are_what_they_were(caller: Caller) -> None:
    text = json.dumps({"x": ROWS.tolist()}).encode()
    caller.send(call(text, **{"Content-Type": "application/json", "Accept": "application/json"}))
    status, body = caller.answer()
    assert (status, json.loads(body)) == (200, (2 * ROWS).tolist())
    caller.send(call(npy(ROWS)[:-8]))
    status, body = caller.answer()
    assert (status, json.loads(body)["error"]["code"]) == (422, "bad-body")
    caller.send(call(npy(ROWS[:, :9])))
    status, body = caller.answer()
    assert (status, json.loads(body)["error"]["message"]) == (
        422,
        "x: expected an array of float64 of shape (any, 10), got an array of shape (40000, 9)",
    )
    caller.send(call(ROW))
    caller.expect(2 * ROWS[:1])


@pytest.mark.parametrize(("version", "headers"), [("1.1", {"Connection": "close"}), ("1.0", {})])
def test_the_last_of_a_connection_is_the_last(caller: Caller, version: str, headers: dict[str, str]) -> None:
    slow = ROWS.copy()
    slow[0, 0] = SLOW
    caller.send(call(npy(slow), version, **headers) + call(ROW))  # which nobody reads
    caller.expect(2 * slow)
    assert caller.ended()


def test_a_caller_that_waits_for_permission_gets_it(caller: Caller) -> None:
    whole = call(npy(ROWS), Expect="100-continue")
    start = whole.index(b"\r\n\r\n") + 4
    caller.send(whole[:start])
    assert caller.answer() == (100, b"")
    caller.send(whole[start:])
    caller.expect(2 * ROWS)


def test_tls_changes_nothing(starter: Any, doubling: Path, certificate: tuple[Path, Path]) -> None:
    served = starter.start(doubling, "--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1]), wait=False)
    wait_until(lambda: "ready: POST https://" in served.log)
    context = ssl.create_default_context(cafile=certificate[0])
    with (
        socket.create_connection(("127.0.0.1", served.port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as tls,
        contextlib.closing(Caller(tls)) as caller,
    ):
        caller.send(call(npy(ROWS)) + call(ROW) + call(npy(ROWS[::-1])))
        for right in (ROWS, ROWS[:1], ROWS[::-1]):
            caller.expect(2 * right)


# Limits


def in_memory(served: Any) -> int:
    return psutil.Process(served.process.pid).memory_info().rss


def test_callers_that_announce_much_and_send_little_take_little(starter: Any, doubling: Path) -> None:
    served = starter.start(doubling)
    head = call(b"").replace(b"Content-Length: 0", b"Content-Length: %d" % (60 * MIB))
    before = in_memory(served)
    with contextlib.ExitStack() as stack:
        callers = [stack.enter_context(connected(served.port)) for _ in range(100)]
        for caller in callers:
            caller.send(head)
        for caller in callers:
            caller.send(b"x" * 70_000)
        for _ in range(20):  # their bytes come before ours
            with connected(served.port) as other:
                other.send(call(ROW))
                other.expect(2 * ROWS[:1])
        # a page of 4 KiB at each end of what was taken, and what asyncio and the system need
        assert in_memory(served) - before < 40 * MIB


def test_a_body_without_room_is_refused_and_skipped(starter: Any, doubling: Path) -> None:
    served = starter.start(doubling, "--max-bodies-mib", "4")
    whole = call(npy(ROWS))
    with connected(served.port) as first, connected(served.port) as second:
        head = call(b"").replace(b"Content-Length: 0", b"Content-Length: %d" % (3 * MIB))
        second.send(head)  # there is room when it is announced
        first.send(whole[: 3 * MIB])
        time.sleep(0.3)  # so that it has arrived
        second.send(b"x" * (3 * MIB))
        status, body = second.answer()
        assert (status, json.loads(body)["error"]["code"]) == (503, "overloaded")
        first.send(whole[3 * MIB :])
        first.expect(2 * ROWS)
        second.send(whole)  # the rest of the other was skipped
        second.expect(2 * ROWS)


def test_a_body_that_was_refused_by_its_head_is_skipped_whatever_its_size(caller: Caller) -> None:
    caller.send(call(npy(ROWS), **{"Content-Type": "text/nothing"}) + call(ROW))
    assert caller.answer()[0] == 415
    caller.expect(2 * ROWS[:1])


def test_callers_that_leave_or_take_too_long_leave_no_room_taken(starter: Any, doubling: Path) -> None:
    served = starter.start(doubling, "--max-bodies-mib", "4", "--request-timeout-s", "1")
    whole = call(npy(ROWS))

    def status() -> int:
        with connected(served.port) as other:
            other.send(whole)
            return other.answer()[0]

    with connected(served.port) as gone:
        gone.send(whole[: 3 * MIB])
    wait_until(lambda: status() == 200)
    with connected(served.port) as slow:
        slow.send(whole[: 3 * MIB])
        code, body = slow.answer()
        assert (code, json.loads(body)["error"]["code"]) == (408, "body-timeout")
    wait_until(lambda: status() == 200)


def test_the_memory_of_bodies_is_given_back_with_their_answers(starter: Any, doubling: Path) -> None:
    served = starter.start(doubling)
    with connected(served.port) as caller:
        for _ in range(3):
            caller.send(call(npy(ROWS)))
            caller.expect(2 * ROWS)
        before = in_memory(served)
        for _ in range(30):
            caller.send(call(npy(ROWS)))
            caller.expect(2 * ROWS)
        assert in_memory(served) - before < 3 * 8 * MIB
