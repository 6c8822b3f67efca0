"""A server in front of the real registry, which can cut connections, refuse, and give answers of its own."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from mlem_image.registry.credentials import Credentials
from mlem_image.registry.http import Connection
from mlem_image.registry.repository import Repository

_PART_BYTES = 2**14


@dataclass
class Seen:
    """A request that has come: `received` bytes of its body were read."""

    method: str
    path: str
    headers: Mapping[str, str]
    content: bytes = b""
    received: int = 0


@dataclass
class Rule:
    """What happens to a request: it is cut, or answered, or it goes through."""

    cut_body_at: int | None = None
    cut_answer_at: int | None = None
    lose_answer: bool = False
    drop: tuple[str, ...] = ()
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Iterator[bytes] | bytes = b""
    announced: int | None = None


Rules = Callable[[Seen], Rule | None]


class Proxy(ThreadingHTTPServer):
    """The server; `rules` says what happens to each request, `None` that it goes through.

    With `keeps`, uploads that are cut can go on, as the specification has it; the registry of the tests forgets them.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, registry: str, rules: Rules = lambda _seen: None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.registry = registry
        self.rules = rules
        self.seen: list[Seen] = []
        self.keeps = False
        self.kept: dict[str, bytes] = {}
        self.places: dict[str, str] = {}
        self.host = f"127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep quiet of clients that go away."""

    def of(self, method: str, part: str = "") -> list[Seen]:
        """Return the requests with a method whose path has a part."""
        return [seen for seen in self.seen if seen.method == method and part in seen.path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _any(self) -> None:
        seen = Seen(self.command, self.path, dict(self.headers.items()))
        self.server.seen.append(seen)
        rule = self.server.rules(seen) or Rule()
        upload = urlsplit(seen.path).path if self.server.keeps and "/uploads/" in seen.path else ""
        if upload and seen.method == "PATCH":
            rule = self._keep(seen, rule, upload) or rule
        if upload and seen.method == "GET":
            last = max(0, len(self.server.kept.get(upload, b"")) - 1)
            rule = Rule(
                status=204, headers={"Range": f"0-{last}", "Location": self.server.places.get(upload, seen.path)}
            )
        if self.close_connection:
            return
        if rule.status:
            self._answer(seen, rule)
        else:
            self._forward(seen, rule)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    def _cut(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def _parts(self, seen: Seen, most: int | None = None) -> Iterator[bytes]:
        left = int(self.headers.get("content-length", 0))
        left = left if most is None else min(left, most)
        while left and (part := self.rfile.read(min(left, _PART_BYTES))):
            left -= len(part)
            seen.received += len(part)
            yield part

    def _keep(self, seen: Seen, rule: Rule, upload: str) -> Rule | None:
        """Add to what was kept of an upload; all of it goes to the registry once it is there."""
        kept = self.server.kept.get(upload, b"")
        first, _, last = seen.headers["Content-Range"].partition("-")
        if int(first) != len(kept):
            return Rule(status=416)
        self.server.kept[upload] = kept + b"".join(self._parts(seen, rule.cut_body_at))
        if len(self.server.kept[upload]) > int(last):
            seen.content = self.server.kept[upload]
            return Rule(lose_answer=rule.cut_body_at is not None)
        self._cut()
        return None

    def _answer(self, seen: Seen, rule: Rule) -> None:
        if seen.method == "POST":
            seen.content = b"".join(self._parts(seen))
        else:
            self.close_connection = "content-length" in self.headers
        body = [rule.body] if isinstance(rule.body, bytes) else rule.body
        self.send_response_only(rule.status)
        for name, value in rule.headers.items():
            self.send_header(name, value)
        length = rule.announced
        if length is None and isinstance(rule.body, bytes):
            length = len(rule.body)
        if length is not None:
            self.send_header("Content-Length", str(length))
        if self.close_connection or length is None or rule.announced is not None:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        if seen.method != "HEAD":
            for part in body:
                self.wfile.write(part)

    def _forward(self, seen: Seen, rule: Rule) -> None:
        with contextlib.closing(http.client.HTTPConnection(self.server.registry, timeout=60)) as upstream:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("authorization", "connection", "content-length", "content-range", *rule.drop):
                    upstream.putheader(name, value)
            if "content-length" in self.headers:
                upstream.putheader(
                    "Content-Length", str(len(seen.content)) if seen.content else self.headers["content-length"]
                )
            upstream.endheaders()
            if seen.content:
                upstream.send(seen.content)
            for part in self._parts(seen, rule.cut_body_at) if not seen.content else ():
                upstream.send(part)
            if rule.cut_body_at is not None:
                if upstream.sock is not None:  # the registry says that it has noticed, and has kept what came
                    upstream.sock.shutdown(socket.SHUT_WR)
                    upstream.sock.recv(_PART_BYTES)
                self._cut()
                return
            answer = upstream.getresponse()
            if rule.lose_answer:
                answer.read()
                self.server.places[urlsplit(seen.path).path] = answer.getheader("location", "")
                self._cut()
                return
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                self.send_header(name, value)
            self.end_headers()
            left = rule.cut_answer_at
            while part := answer.read(_PART_BYTES if left is None else min(_PART_BYTES, left)):
                self.wfile.write(part)
                left = None if left is None else left - len(part)
            if left == 0:
                self._cut()


@contextlib.contextmanager
def _served(proxy: Proxy) -> Iterator[Proxy]:
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()


@pytest.fixture
def proxy(push_registry: str) -> Iterator[Proxy]:
    """A server in front of the registry."""
    with _served(Proxy(push_registry)) as found:
        yield found


@pytest.fixture
def other(push_registry: str) -> Iterator[Proxy]:
    """A second one: another host, as a store that layers are in."""
    with _served(Proxy(push_registry)) as found:
        yield found


@pytest.fixture
def answering() -> Callable[..., Rule]:
    """Makes what happens to a request."""
    return Rule


@pytest.fixture
def pauses() -> list[float]:
    """The seconds that were waited between attempts; nobody waits in fact."""
    return []


@pytest.fixture
def through(proxy: Proxy, pauses: list[float], tmp_path: Any) -> Callable[..., Repository]:
    """A name in the registry that nobody else uses, as who has some credentials."""
    import os

    name = f"mlem-test/client-{os.getpid()}-{abs(hash(tmp_path)):x}"

    def made(credentials: Credentials | None = None, name: str = name) -> Repository:
        return Repository(Connection(proxy.host, credentials, plain=True, wait=pauses.append), name)

    return made
