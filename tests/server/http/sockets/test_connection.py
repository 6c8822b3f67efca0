"""HTTP/1.1 as callers speak it, well and badly."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Any

import pytest

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
BODY = json.dumps({"X": [ROW]}).encode()
CALL = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n%s\r\n%s"


def read_answer(connection: socket.socket) -> bytes:
    """Read one answer: head, and the body of the length that it says."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        assert part, received
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    length = int(
        next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")).split(b":")[1]
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def test_requests_that_come_one_behind_the_other_are_answered_in_their_order(iris: Any) -> None:
    calls = [CALL % (len(BODY), b"", BODY), b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", CALL % (2, b"", b"{}")] * 10
    answers = iris.raw(b"".join(calls) + CALL % (len(BODY), b"Connection: close\r\n", BODY))
    statuses = re.findall(rb"HTTP/1\.1 (\d+) ", answers)
    assert statuses == [b"200", b"200", b"422"] * 10 + [b"200"]


def test_a_request_may_come_a_byte_at_a_time(iris: Any) -> None:
    with socket.create_connection(("127.0.0.1", iris.port), timeout=60) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in CALL % (len(BODY), b"", BODY):
            connection.sendall(bytes([byte]))
        assert read_answer(connection).endswith(b"[0]")


def test_a_caller_that_waits_for_permission_gets_it(iris: Any) -> None:
    with socket.create_connection(("127.0.0.1", iris.port), timeout=60) as connection:
        connection.sendall(CALL % (len(BODY), b"Expect: 100-continue\r\n", b""))
        assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(BODY)
        assert read_answer(connection).endswith(b"[0]")


def test_a_caller_that_waits_for_permission_is_refused_before_it_sends(iris: Any) -> None:
    with socket.create_connection(("127.0.0.1", iris.port), timeout=60) as connection:
        connection.sendall(CALL % (99_999_999, b"Expect: 100-continue\r\n", b""))
        answer = read_answer(connection)
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer


def test_a_caller_that_has_sent_all_and_closed_its_side_gets_its_answer(iris: Any) -> None:
    assert iris.raw(CALL % (len(BODY), b"", BODY), finish=True).endswith(b"[0]")


def test_http_1_0_closes_after_the_answer(iris: Any) -> None:
    answer = iris.raw(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer


def test_the_absolute_form_of_a_target_is_understood(iris: Any) -> None:
    answer = iris.raw(b"GET http://example.com/healthz?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_a_query_does_not_change_what_is_called(iris: Any) -> None:
    assert iris.post("/predict?verbose=1", {"X": [ROW]}).json == [0]
    assert iris.post("/%70redict", {"X": [ROW]}).json == [0]


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00",
        b"GET\r\n\r\n",
        b"GET / HTTX/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ],
)
def test_what_is_not_http_is_told_so(iris: Any, data: bytes) -> None:
    assert iris.raw(data, finish=True).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Transfer-Encoding: x\r\n",
    ],
)
def test_two_lengths_are_refused_since_a_proxy_may_believe_the_other(iris: Any, headers: bytes) -> None:
    answer = iris.raw(
        b"POST /predict HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
        finish=True,
    )
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 413 ", b"HTTP/1.1 501 "))


def test_an_upgrade_is_passed_over(iris: Any) -> None:
    upgrade = b"Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    answer = iris.raw(b"GET /healthz HTTP/1.1\r\n" + upgrade + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b'{"status":"alive"}')
    answer = iris.raw(CALL % (len(BODY), upgrade, BODY))
    assert (answer.startswith(b"HTTP/1.1 400 "), answer.count(b"HTTP/1.1 ")) == (True, 1)


@pytest.mark.parametrize(
    "head", [b"X-Long: " + b"x" * 70_000, b"\r\n".join(b"X-%d: 1" % number for number in range(300))]
)
def test_a_head_over_the_limit_is_refused(iris: Any, head: bytes) -> None:
    assert iris.raw(b"GET /healthz HTTP/1.1\r\n" + head + b"\r\n\r\n").startswith(b"HTTP/1.1 431 ")


def test_answers_say_who_and_when_and_not_to_guess_what_they_are(iris: Any) -> None:
    headers = iris.get("/healthz").headers
    assert (headers["server"], headers["x-content-type-options"]) == ("mlem-server", "nosniff")
    assert headers["date"].endswith(" GMT")


def test_a_caller_that_sends_its_head_slowly_is_cut_off(starter: Any, file_model: Path) -> None:
    served = starter.start(file_model, "--header-timeout-s", "0.3")
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        started = time.monotonic()
        received = b""
        connection.settimeout(0.05)
        while b"\r\n\r\n" not in received:
            assert time.monotonic() - started < 30
            try:
                connection.sendall(b"X: 1\r\n")  # a byte now and then does not buy more time
                received += connection.recv(65536)
            except TimeoutError:
                continue
        assert received.startswith(b"HTTP/1.1 408 ")
    assert served.get("/healthz").status == 200


def test_many_idle_connections_cost_other_callers_nothing(iris: Any) -> None:
    idle = [socket.create_connection(("127.0.0.1", iris.port), timeout=60) for _ in range(300)]
    try:
        assert iris.post("/predict", {"X": [ROW]}).json == [0]
    finally:
        for connection in idle:
            connection.close()


def test_a_request_that_is_on_its_way_when_the_server_stops_is_answered(starter: Any, file_model: Path) -> None:
    served = starter.start(file_model)
    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        read_answer(connection)
        served.process.terminate()
        done = threading.Event()
        while "SIGTERM" not in served.log:
            done.wait(0.005)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = read_answer(connection)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"connection: close" in answer
    assert served.process.wait(timeout=60) == 0


def test_a_certificate_makes_it_https(starter: Any, file_model: Path, certificate: tuple[Path, Path]) -> None:
    served = starter.start(file_model, "--tls-cert", str(certificate[0]), "--tls-key", str(certificate[1]), wait=False)
    context = ssl.create_default_context(cafile=certificate[0])
    body = json.dumps({"path": os.devnull}).encode()
    deadline = time.monotonic() + 60
    while "ready: POST https://" not in served.log:
        assert time.monotonic() < deadline, served.log
        time.sleep(0.01)
    with (
        socket.create_connection(("127.0.0.1", served.port), timeout=60) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(CALL % (len(body), b"", body))
        assert read_answer(tls).endswith(b'"/dev/null"')
    served.process.send_signal(signal.SIGTERM)
    assert served.process.wait(timeout=60) == 0


def test_a_certificate_that_is_none_is_refused_with_the_next_step(
    starter: Any, file_model: Path, tmp_path: Path
) -> None:
    (tmp_path / "cert.pem").write_text("nothing")
    served = starter.start(file_model, "--tls-cert", str(tmp_path / "cert.pem"), wait=False)
    assert served.process.wait(timeout=60) == 2
    assert "error[bad-certificate]" in served.log
    assert "Traceback" not in served.log


# What RFC 9112 and 9110 say of heads


def status_of(served: Any, head: bytes) -> int:
    answer = served.raw(head, finish=True)
    assert answer.count(b"\r\nserver: ") == 1
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("head", "status", "code"),
    [
        (b"GET /healthz HTTP/1.1\r\n", 400, "bad-host"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\nHost: a\r\n", 400, "repeated-header"),
        (b"GET /healthz HTTP/1.1\r\nHost: a b\r\n", 400, "bad-host"),
        (b"GET /healthz HTTP/1.1\r\nHost: a/b\r\n", 400, "bad-host"),
        (b"GET /healthz HTTP/1.1\r\nHost: user@a\r\n", 400, "bad-host"),
        (b"GET /healthz HTTP/1.1\r\nHost: a:b\r\n", 400, "bad-host"),
        (b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n", 501, "unknown-transfer-coding"),
        (b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n", 501, "unknown-transfer-coding"),
        (b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n", 501, "unknown-transfer-coding"),
        (b"POST /predict HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n", 400, "bad-http"),
        (b"POST /predict HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n", 400, "bad-http"),
        (b"GET /healthz HTTP/1.2\r\nHost: a\r\n", 505, "bad-http-version"),
        (b"GET /healthz HTTP/2.0\r\nHost: a\r\n", 505, "bad-http-version"),
        (b"GET /healthz HTTP/0.9\r\nHost: a\r\n", 505, "bad-http-version"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n", 505, "bad-http-version"),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: a\r\n", 414, "target-too-long"),
        (b"GET /" + b"x" * 200_000, 414, "target-too-long"),
        (b"GET /healthz HTTP/1.1\r\nHost: a\r\n" + b"a: b\r\n" * 300, 431, "too-many-headers"),
        (
            b"POST /predict HTTP/1.1\r\nHost: a\r\nExpect: a-miracle\r\nContent-Length: 2\r\n",
            417,
            "unknown-expectation",
        ),
        (b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com\r\n", 501, "not-implemented"),
        (
            b"GET /healthz HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n",
            400,
            "repeated-header",
        ),
    ],
)
def test_heads_that_are_not_as_http_wants_them_have_a_refusal_and_a_count_of_their_own(
    iris: Any, head: bytes, status: int, code: str
) -> None:
    counted = f'mlem_rejected_total{{reason="{code}"}}'.encode()

    def count() -> float:
        lines = [line for line in iris.get("/metrics").body.splitlines() if line.startswith(counted)]
        return float(lines[0].split()[-1]) if lines else 0.0

    before = count()
    assert status_of(iris, head + b"\r\n") == status
    assert count() == before + 1


@pytest.mark.parametrize(
    "host", [b"a", b"a:80", b"[::1]:80", b"xn--bcher-kva.example", b"", b"a_b.example:8080", b"127.0.0.1"]
)
def test_hosts_that_clients_send_are_taken(iris: Any, host: bytes) -> None:
    assert status_of(iris, b"GET /healthz HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n") == 200


def test_a_client_of_http_1_0_needs_no_host(iris: Any) -> None:
    assert status_of(iris, b"GET /healthz HTTP/1.0\r\n\r\n") == 200


def test_repeated_headers_that_are_lists_are_one(iris: Any) -> None:
    head = b"Accept: text/html\r\nAccept: application/json\r\nConnection: close\r\n"
    assert iris.raw(CALL % (len(BODY), head, BODY)).startswith(b"HTTP/1.1 200 ")
