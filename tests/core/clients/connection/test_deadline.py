"""How long calls take at most, and calls on an event loop: against servers that drip, hang, and speak TLS."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mlem.clients.course import follow_async
from mlem.clients.http import HttpClient
from mlem.clients.probe import ready
from mlem_model.data.types.any import infer
from mlem_model.data.types.containers.sequences import ListType
from mlem_model.errors import MlemError, PlatformError, UserError, WaitTimeoutError
from mlem_model.models.model import Argument, Method
from mlem_model.serving.interface import Interface

NUMBER = infer(1.0)
PREDICT = Method(name="predict", args=(Argument(name="X", data_type=NUMBER),), returns=NUMBER)
TELL = Method(name="tell", args=(Argument(name="X", data_type=NUMBER),), returns=ListType(dtype=NUMBER), streams=True)
INTERFACE = Interface(
    version="0.5.0", digest="0" * 32, model_type="callable", methods={"predict": PREDICT, "tell": TELL}
)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LONG_S = 60.0
"""Longer than any test may take: who waits for this has no limit."""


def whole(value: Any, status: bytes = b"200 OK", headers: bytes = b"") -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 %s\r\nContent-Type: application/json\r\n%sContent-Length: %d\r\n\r\n%s" % (
        status,
        headers,
        len(body),
        body,
    )


class Peer:
    """Answers each request on a connection by a function of a test; tells who has gone."""

    def __init__(
        self, answer: Callable[[Peer, socket.socket, bytes], None], context: ssl.SSLContext | None = None
    ) -> None:
        self.answer = answer
        self.context = context
        self.requests: list[bytes] = []
        self.accepted = 0
        self.gone = threading.Semaphore(0)
        self.stop = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            while request := self._request(connection):
                self.requests.append(request)
                self.answer(self, connection, request)
        except OSError:
            pass
        finally:
            connection.close()
            self.gone.release()

    def _request(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (more := connection.recv(65536)):
                return b""
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        length = next(
            (int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0
        )
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body

    def drip(self, connection: socket.socket, data: bytes) -> None:
        """Send a byte now and then, for as long as somebody listens."""
        for byte in data:
            connection.sendall(bytes([byte]))
            if self.stop.wait(0.02):
                return

    def hang(self, connection: socket.socket) -> None:
        """Say nothing until the other side has gone."""
        connection.recv(1)


@pytest.fixture
def peer_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Peer]]:
    monkeypatch.delenv("MLEM_TOKEN", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    peers: list[Peer] = []

    def make(answer: Callable[[Peer, socket.socket, bytes], None], context: ssl.SSLContext | None = None) -> Peer:
        peers.append(Peer(answer, context))
        return peers[-1]

    yield make
    for peer in peers:
        peer.stop.set()
        peer.listener.close()


def answering(value: Any) -> Callable[[Peer, socket.socket, bytes], None]:
    def answer(_peer: Peer, connection: socket.socket, request: bytes) -> None:
        connection.sendall(whole(INTERFACE.to_json() if b"/interface.json" in request else value))

    return answer


def then(action: Callable[[Peer, socket.socket], None]) -> Callable[[Peer, socket.socket, bytes], None]:
    """Give the interface, and do something else when the model is called."""

    def answer(peer: Peer, connection: socket.socket, request: bytes) -> None:
        if b"/interface.json" in request:
            connection.sendall(whole(INTERFACE.to_json()))
        else:
            action(peer, connection)

    return answer


def by_thread(client: HttpClient, method: str = "predict") -> Any:
    answer = client.call(method, 1.0)
    return list(answer) if method == "tell" else answer


def by_loop(client: HttpClient, method: str = "predict") -> Any:
    async def call() -> Any:
        answer = await client.call_async(method, 1.0)
        return [item async for item in answer] if method == "tell" else answer

    return asyncio.run(call())


both = pytest.mark.parametrize("call", [by_thread, by_loop])

SLOW = {
    "a head that never ends": lambda peer, connection: peer.drip(connection, OK + b"X-More: " + b"x" * 10_000),
    "a body that never ends": lambda peer, connection: peer.drip(
        connection, OK + b"Content-Length: 10000\r\n\r\n" + b"1" * 10_000
    ),
    "chunks that never end": lambda peer, connection: peer.drip(
        connection, OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"1\r\n1\r\n" * 2000
    ),
    "no word": lambda peer, connection: peer.hang(connection),
}


@both
@pytest.mark.parametrize("what", SLOW)
def test_a_call_ends_in_time_however_slowly_the_answer_comes(peer_of: Any, call: Any, what: str) -> None:
    peer = peer_of(then(SLOW[what]))
    with HttpClient(url=peer.url, timeout_s=LONG_S) as client:
        assert client.interface == INTERFACE
        client = client.model_copy(update={"timeout_s": 0.5})
        started = time.monotonic()
        with pytest.raises(WaitTimeoutError) as caught:
            call(client)
    assert caught.value.message == f"no answer from {peer.url} within 0.5 s"
    assert time.monotonic() - started < LONG_S / 3


@both
def test_a_call_ends_in_time_however_slowly_it_can_be_sent(peer_of: Any, call: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # accepts by itself, and reads nothing
        client = HttpClient(url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout_s=0.5)
        with pytest.raises(WaitTimeoutError):
            send(client, call, {"X": "x" * 50_000_000})


def send(client: HttpClient, call: Any, payload: Any) -> Any:
    if call is by_thread:
        return client.call_encoded("predict", payload)
    return asyncio.run(follow_async(client._call_encoded("predict", payload), client._get_async))


def test_the_probe_ends_in_time_however_slowly_the_answer_comes(peer_of: Any) -> None:
    for what, action in SLOW.items():
        peer = peer_of(lambda peer, connection, _request, action=action: action(peer, connection))
        started = time.monotonic()
        is_ready, reason = ready(peer.url, 0.5)
        assert (is_ready, reason) == (False, f"no answer from 127.0.0.1:{peer.port} within 0.5 s"), what
        assert time.monotonic() - started < LONG_S / 3


@both
def test_a_stream_has_its_time_for_each_item(peer_of: Any, call: Any) -> None:
    def tell(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for number in range(6):
            line = b"%d\n" % number
            time.sleep(0.3)  # together longer than the timeout
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
        peer.drip(connection, b"1\r\n7\r\n" * 10_000)  # an item without an end

    got = []
    with HttpClient(url=peer_of(then(tell)).url, timeout_s=1.5) as client:

        async def collect() -> None:
            async for item in await client.call_async("tell", 1.0):
                got.append(item)  # noqa: PERF401  # those before the error count

        with pytest.raises(WaitTimeoutError):
            got.extend(client.call("tell", 1.0)) if call is by_thread else asyncio.run(collect())
    assert got == [0, 1, 2, 3, 4, 5]


def test_calls_that_hang_leave_the_threads_of_the_program_alone(peer_of: Any) -> None:
    peer = peer_of(then(lambda peer, connection: peer.hang(connection)))

    async def program() -> tuple[set[str], str, int]:
        before = set(threading.enumerate())
        with HttpClient(url=peer.url, timeout_s=LONG_S) as client:
            client._interface = INTERFACE
            calls = [asyncio.create_task(client.call_async("predict", 1.0)) for _ in range(24)]
            while len(peer.requests) < 24:
                await asyncio.sleep(0.01)
            ours = {thread.name for thread in set(threading.enumerate()) - before if "_serve" not in thread.name}
            answer = await asyncio.wait_for(asyncio.to_thread(lambda: "strangers go on"), LONG_S)
            for task in calls:
                task.cancel()
            results = await asyncio.gather(*calls, return_exceptions=True)
        return ours, answer, sum(isinstance(result, asyncio.CancelledError) for result in results)

    assert asyncio.run(program()) == (set(), "strangers go on", 24)
    for _ in range(24):
        assert peer.gone.acquire(timeout=LONG_S), "a call that was cancelled keeps its connection"


def test_a_call_that_is_cancelled_does_not_spoil_the_next(peer_of: Any) -> None:
    asked = threading.Event()

    def answer(peer: Peer, connection: socket.socket, request: bytes) -> None:
        if not asked.is_set():
            asked.set()
            peer.hang(connection)
        else:
            connection.sendall(whole(2.0))

    peer = peer_of(answer)

    async def program() -> float:
        with HttpClient(url=peer.url, timeout_s=LONG_S) as client:
            client._interface = INTERFACE
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.call_async("predict", 1.0), 0.2)
            return float(await client.call_async("predict", 1.0))

    assert asyncio.run(program()) == 2.0
    assert peer.gone.acquire(timeout=LONG_S)


def test_a_stream_that_is_left_closes_its_connection(peer_of: Any) -> None:
    def tell(peer: Peer, connection: socket.socket) -> None:
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n7\n\r\n"
        )
        peer.hang(connection)

    peer = peer_of(then(tell))

    async def program() -> Any:
        with HttpClient(url=peer.url, timeout_s=LONG_S) as client:
            items = await client.call_async("tell", 1.0)
            first = await anext(items)
            await items.aclose()
            return first

    assert asyncio.run(program()) == 7.0
    assert peer.gone.acquire(timeout=LONG_S)


def test_one_connection_serves_the_calls_of_a_loop_one_after_the_other(peer_of: Any) -> None:
    peer = peer_of(answering(3.0))

    async def program() -> list[Any]:
        return [await client.call_async("predict", number) for number in range(5)]

    with HttpClient(url=peer.url, timeout_s=LONG_S) as client:
        assert asyncio.run(program()) == [3.0] * 5
        assert peer.accepted == 1
        assert asyncio.run(program()) == [3.0] * 5  # another loop
        assert (client.predict(1.0), peer.accepted) == (3.0, 3)


@both
def test_a_client_that_nobody_closes_leaves_in_silence(peer_of: Any, call: Any) -> None:
    peer = peer_of(answering(3.0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert call(HttpClient(url=peer.url, timeout_s=LONG_S)) == 3.0
        gc.collect()
    assert [str(warning.message) for warning in caught] == []
    assert peer.gone.acquire(timeout=LONG_S)


def error(code: str, status: bytes, headers: bytes = b"", **details: Any) -> Callable[[Peer, socket.socket], None]:
    body = {"error": {"code": code, "message": f"{code} happened", **details}}
    return lambda _peer, connection: connection.sendall(whole(body, status, headers))


def raw(data: bytes) -> Callable[[Peer, socket.socket], None]:
    def act(_peer: Peer, connection: socket.socket) -> None:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_RDWR)

    return act


@pytest.mark.parametrize("method", ["predict", "tell"])
@pytest.mark.parametrize(
    "action",
    [
        error("bad-data", b"422 No", path="X", expected="float", got="str"),
        error("model-failed", b"500 No"),
        error("overloaded", b"503 No", b"Retry-After: 0\r\n"),
        error("body-too-large", b"413 No"),
        error("no", b"401 No"),
        raw(b""),
        raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n1"),
        raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{]"),
        raw(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
        raw(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX: " + b"x" * 300_000 + b"\r\n\r\n1"),
        lambda _peer, connection: connection.sendall(whole("no number")),
        lambda _peer, connection: connection.sendall(whole([1.0, 2.0])),
    ],
)
def test_a_loop_gets_the_same_answers_and_errors_as_a_thread(peer_of: Any, method: str, action: Any) -> None:
    outcomes = []
    for call in (by_thread, by_loop):
        with HttpClient(url=peer_of(then(action)).url, timeout_s=LONG_S) as client:
            try:
                outcomes.append(("answer", call(client, method)))
            except MlemError as raised:
                message = raised.message.replace(client.url, "URL")
                outcomes.append((type(raised).__name__, raised.code, message, raised.hint, raised.known))
    assert outcomes[0] == outcomes[1]


@both
def test_nobody_there_is_the_same_error(peer_of: Any, call: Any) -> None:
    peer = peer_of(answering(1.0))
    peer.listener.shutdown(socket.SHUT_RDWR)
    peer.listener.close()
    with pytest.raises(PlatformError) as caught:
        call(HttpClient(url=peer.url, timeout_s=LONG_S))
    assert (caught.value.code, caught.value.message) == (
        "unreachable",
        f"{peer.url} can't be reached: Connection refused",
    )


@both
def test_a_name_that_nobody_knows_is_the_same_error(peer_of: Any, call: Any) -> None:
    with pytest.raises(PlatformError) as caught:
        call(HttpClient(url="http://no-such-host.invalid", timeout_s=LONG_S))
    assert caught.value.code == "unreachable"
    assert caught.value.message.startswith("http://no-such-host.invalid can't be reached: ")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, found = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    subprocess.run(
        [*command, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", found],
        check=True,
        capture_output=True,
    )
    return found, key


@both
def test_certificates_are_verified_and_a_file_may_say_which_are_trusted(
    peer_of: Any, call: Any, certificate: tuple[Path, Path], tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    peer = peer_of(answering(4.0), context)
    with HttpClient(url=peer.url, timeout_s=LONG_S, ca_file=certificate[0]) as client:
        assert [call(client), call(client)] == [4.0, 4.0]
    with HttpClient(url=peer.url, timeout_s=LONG_S) as client, pytest.raises(PlatformError) as caught:
        call(client)
    assert (caught.value.code, "certificate verify failed" in caught.value.message) == ("tls", True)
    (tmp_path / "empty.pem").write_text("nothing")
    for name, reason in (("empty.pem", "it has no certificates"), ("missing.pem", "No such file or directory")):
        with (
            HttpClient(url=peer.url, timeout_s=LONG_S, ca_file=tmp_path / name) as client,
            pytest.raises(UserError) as refused,
        ):
            call(client)
        assert refused.value.message == f"ca_file {tmp_path / name} can't be used: {reason}"


@both
def test_a_large_body_goes_and_comes_by_tls(peer_of: Any, call: Any, certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    peer = peer_of(
        lambda _peer, connection, request: connection.sendall(whole(request.partition(b"\r\n\r\n")[2].decode())),
        context,
    )
    with HttpClient(url=peer.url, timeout_s=LONG_S, ca_file=certificate[0]) as client:
        payload = {"X": "x" * 3_000_000}
        assert json.loads(send(client, call, payload)) == payload


@both
def test_a_proxy_is_asked_where_the_environment_says_so(
    peer_of: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = peer_of(answering(5.0))
    monkeypatch.setenv("http_proxy", f"http://ada:s3cret@127.0.0.1:{proxy.port}")
    with HttpClient(url="http://model.test:8080", timeout_s=LONG_S) as client:
        assert call(client) == 5.0
    head = proxy.requests[-1].partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert head[0] == b"POST http://model.test:8080/predict HTTP/1.1"
    assert {b"Host: model.test:8080", b"Proxy-Authorization: Basic YWRhOnMzY3JldA=="} <= set(head)
    here = peer_of(answering(6.0))
    with HttpClient(url=here.url, timeout_s=LONG_S) as client:
        assert call(client) == 6.0
    with (
        HttpClient(url="http://model.test:8080", timeout_s=LONG_S, direct=True) as client,
        pytest.raises(PlatformError, match=r"model\.test"),
    ):
        call(client)
    monkeypatch.setenv("no_proxy", "model.test")
    with (
        HttpClient(url="http://model.test:8080", timeout_s=LONG_S) as client,
        pytest.raises(PlatformError, match=r"model\.test"),
    ):
        call(client)


@both
def test_a_proxy_that_can_not_be_used_is_told_without_its_password(
    peer_of: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "socks5://ada:s3cret@127.0.0.1:1")
    with HttpClient(url="https://model.test", timeout_s=LONG_S) as client, pytest.raises(UserError) as caught:
        call(client)
    assert (caught.value.code, caught.value.message) == ("bad-proxy", "https_proxy is not the address of an HTTP proxy")


@both
def test_tls_goes_through_a_proxys_tunnel(
    peer_of: Any, call: Any, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    refused = threading.Event()

    def tunnel(peer: Peer, connection: socket.socket, request: bytes) -> None:
        if refused.is_set():
            connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        secured = context.wrap_socket(connection, server_side=True)
        while inner := peer._request(secured):
            answering(7.0)(peer, secured, inner)
        raise OSError

    proxy = peer_of(tunnel)
    monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.port}")
    with (
        HttpClient(url="https://model.test", timeout_s=LONG_S, ca_file=certificate[0]) as client,
        pytest.raises(PlatformError) as wrong,
    ):
        call(client)
    assert (wrong.value.code, "Hostname mismatch" in wrong.value.message) == ("tls", True)
    assert proxy.requests[0].startswith(b"CONNECT model.test:443 HTTP/1.1\r\n")
    refused.set()
    with HttpClient(url="https://model.test", timeout_s=LONG_S) as client, pytest.raises(PlatformError) as caught:
        call(client)
    assert caught.value.code == "proxy"
    assert ready("https://model.test", LONG_S) == (False, "no connection to model.test:443: the proxy says 407")


def test_the_probe_asks_by_a_proxy_as_calls_do(peer_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = peer_of(lambda _peer, connection, _request: connection.sendall(whole({"status": "ready"})))
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
    assert ready("http://model.test/base", LONG_S) == (True, "")
    assert proxy.requests[0].startswith(b"GET http://model.test/base/readyz HTTP/1.1\r\nHost: model.test\r\n")


def test_a_program_that_only_looks_loads_no_http_library() -> None:
    code = "import sys, mlem.clients.probe, mlem.clients.http; print({'httptools', 'asyncio'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
