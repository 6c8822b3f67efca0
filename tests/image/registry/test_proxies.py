"""A registry behind a proxy that wants to know who asks."""

from __future__ import annotations

import base64
import contextlib
import socketserver
import threading
from collections.abc import Iterator

import pytest

from mlem import CredentialsError, PlatformError
from mlem_image.registry.http import Connection

WHO = "me:p@ss/w%rd"


class Proxy(socketserver.ThreadingTCPServer):
    """Notes what is asked of it, and lets only those pass who say who they are; nothing is behind it."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[str] = []


class _Handler(socketserver.StreamRequestHandler):
    server: Proxy

    def handle(self) -> None:
        lines = [line.decode().strip() for line in iter(self.rfile.readline, b"\r\n") if line]
        self.server.asked.append(lines[0])
        known = f"Basic {base64.b64encode(WHO.encode()).decode()}"
        if not any(line.lower() == f"proxy-authorization: {known}".lower() for line in lines):
            self.wfile.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            return
        self.wfile.write(b"HTTP/1.1 503 nothing is behind this proxy\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    for name in ("no_proxy", "NO_PROXY", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with Proxy() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask() -> None:
    connection = Connection("registry.example.com", None, plain=False, wait=lambda _seconds: None)
    connection.request("GET", "/v2/", "get the image iris", scope="")


def test_the_proxy_is_told_who_asks(proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", f"http://me:p%40ss%2Fw%25rd@127.0.0.1:{proxy.server_address[1]}")
    with pytest.raises(PlatformError, match="nothing is behind this proxy"):
        ask()
    assert proxy.asked[0].startswith("CONNECT registry.example.com:443 ")


@pytest.mark.parametrize("who", ["", "me:wrong-one@"])
def test_a_proxy_that_refuses_is_told_once_and_without_the_password(
    who: str, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"http://{who}127.0.0.1:{proxy.server_address[1]}")
    with pytest.raises(CredentialsError, match="407 Proxy Authentication Required") as caught:
        ask()
    assert (caught.value.code, "HTTPS_PROXY" in caught.value.hint, "wrong-one" in str(caught.value)) == (
        "proxy",
        True,
        False,
    )
    assert len(proxy.asked) == 1


def test_an_address_that_is_none_is_told_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://me:s3cret@127.0.0.1:9")
    with contextlib.suppress(KeyError):
        monkeypatch.delenv("no_proxy")
    with pytest.raises(Exception, match="not the address of an HTTP proxy") as caught:
        ask()
    assert "s3cret" not in str(caught.value)
