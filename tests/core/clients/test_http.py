"""The HTTP client against a small server that answers what a test asks for.

Tests/server has it against the real one.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mlem.clients.http import HttpClient
from mlem.clients.probe import ready
from mlem_model.data.types.any import infer
from mlem_model.errors import (
    CredentialsError,
    DataError,
    DeclarationError,
    MlemError,
    PlatformError,
    UserError,
    WaitTimeoutError,
)
from mlem_model.models.model import Argument, Method
from mlem_model.serving.interface import Interface

NUMBER = infer(1.0)
METHOD = Method(name="predict", args=(Argument(name="X", data_type=NUMBER),), returns=NUMBER)
INTERFACE = Interface(version="0.5.0", digest="0" * 32, model_type="callable", methods={"predict": METHOD})


class Wire:
    """Answers in the order given; the last one stays. Keeps what was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                wire.requests.append(
                    (self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
                )
                status, headers, content = wire.answers.pop(0) if len(wire.answers) > 1 else wire.answers[0]
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in {"content-length": str(len(content)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer  # the names that http.server looks for

            def log_message(self, *args: object) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def say(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self.answers.append(
            (status, {"content-type": "application/json", **(headers or {})}, json.dumps(value).encode())
        )

    def fail(self, status: int, code: str, headers: dict[str, str] | None = None, **details: Any) -> None:
        self.say(status, {"error": {"code": code, "message": f"{code} happened", **details}}, headers)


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.delenv("MLEM_TOKEN", raising=False)
    result = Wire()
    yield result
    result.server.shutdown()
    result.server.server_close()


@pytest.fixture
def client(wire: Wire) -> Iterator[HttpClient]:
    with HttpClient(url=wire.url, timeout_s=20) as result:
        yield result


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def facts(error: MlemError) -> tuple[type[MlemError], str, str]:
    return type(error), error.code, error.message


def test_a_call_is_bound_encoded_sent_and_decoded(wire: Wire, client: HttpClient) -> None:
    wire.say(200, INTERFACE.to_json())
    wire.say(200, 2)
    assert client.predict(1.5) == 2.0
    assert [(verb, path, body) for verb, path, _, body in wire.requests] == [
        ("GET", "/interface.json", b""),
        ("POST", "/predict", b'{"X":1.5}'),
    ]
    assert wire.requests[1][2]["content-type"] == "application/json"


def test_the_interface_is_fetched_once(wire: Wire, client: HttpClient) -> None:
    wire.say(200, INTERFACE.to_json())
    assert [client.interface, client.interface, client.methods] == [INTERFACE, INTERFACE, ("predict",)]
    assert len(wire.requests) == 1


def test_an_argument_that_does_not_fit_is_refused_before_it_is_sent(wire: Wire, client: HttpClient) -> None:
    wire.say(200, INTERFACE.to_json())
    with pytest.raises(DataError):
        client.predict("text")
    assert len(wire.requests) == 1


def test_the_token_of_the_environment_is_sent_and_never_shown(
    wire: Wire, client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLEM_TOKEN", "s3cret-token")
    wire.say(200, 1)
    client.call_encoded("predict", {})
    assert wire.requests[0][2]["authorization"] == "Bearer s3cret-token"
    assert "s3cret" not in repr(client) + str(client.to_data())


def test_without_a_token_no_authorization_is_sent(wire: Wire, client: HttpClient) -> None:
    wire.say(200, 1)
    client.call_encoded("predict", {})
    assert "authorization" not in wire.requests[0][2]


def test_a_token_that_does_not_fit_into_a_header_is_refused_without_showing_it(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLEM_TOKEN", "s3cret\nx: y")
    with pytest.raises(CredentialsError) as caught:
        client.call_encoded("predict", {})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "bad-json", UserError),
        (404, "unknown-method", UserError),
        (411, "length-required", UserError),
        (413, "body-too-large", UserError),
        (415, "bad-content-type", UserError),
        (422, "bad-arguments", UserError),
        (429, "overloaded", PlatformError),
        (500, "model-failed", PlatformError),
        (503, "overloaded", PlatformError),
        (503, "not-ready", PlatformError),
    ],
)
def test_a_refusal_becomes_a_typed_error_with_the_servers_words(
    wire: Wire, client: HttpClient, status: int, code: str, kind: type[MlemError]
) -> None:
    wire.fail(status, code, hint="do this", known=["a", "b"])
    with pytest.raises(MlemError) as caught:
        client.call_encoded("predict", {})
    assert facts(caught.value) == (kind, code, f"{code} happened")
    assert caught.value.hint == "do this"
    assert len(wire.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_an_error_of_credentials(wire: Wire, client: HttpClient, status: int) -> None:
    wire.fail(status, "unauthorized")
    with pytest.raises(CredentialsError, match="unauthorized happened"):
        client.call_encoded("predict", {})


def test_data_that_does_not_fit_keeps_its_path(wire: Wire, client: HttpClient) -> None:
    wire.fail(422, "bad-data", path="X[3]", expected="a number", got="a string")
    with pytest.raises(DataError) as caught:
        client.call_encoded("predict", {})
    assert (caught.value.path, caught.value.expected, caught.value.got) == ("X[3]", "a number", "a string")


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/html", b"<html>"),
        ("text/plain", b"{}"),
        ("application/json", b"{"),
        ("application/json", b"[]"),
        ("application/json", b'{"methods": 1}'),
    ],
)
def test_something_else_at_the_address_is_named_so(
    wire: Wire, client: HttpClient, content_type: str, body: bytes
) -> None:
    wire.answers.append((200, {"content-type": content_type}, body))
    with pytest.raises(PlatformError) as caught:
        _ = client.interface
    assert caught.value.code == "not-a-mlem-server"
    assert wire.url in caught.value.message


@pytest.mark.parametrize("status", [301, 404])
def test_a_page_or_a_redirect_of_something_else_is_named_so(wire: Wire, client: HttpClient, status: int) -> None:
    wire.answers.append((status, {"content-type": "text/html", "location": "http://127.0.0.1:9/"}, b"<html>"))
    with pytest.raises(PlatformError) as caught:
        _ = client.interface
    assert caught.value.code == "not-a-mlem-server"
    assert len(wire.requests) == 1


def test_a_proxys_page_about_a_failure_is_an_error_of_the_platform(wire: Wire, client: HttpClient) -> None:
    wire.answers.append((502, {"content-type": "text/html"}, b"<html>"))
    with pytest.raises(PlatformError) as caught:
        client.call_encoded("predict", {})
    assert facts(caught.value) == (PlatformError, "platform", f"{wire.url} answered with status 502")


def test_a_503_with_retry_after_is_repeated(wire: Wire, client: HttpClient) -> None:
    wire.fail(503, "overloaded", {"retry-after": "0"})
    wire.fail(503, "overloaded", {"retry-after": "0"})
    wire.say(200, 7)
    assert client.call_encoded("predict", {}) == 7
    assert len(wire.requests) == 3


@pytest.mark.parametrize("code", ["timed-out", "stopping"])
def test_a_call_that_the_model_may_be_at_is_not_repeated(wire: Wire, client: HttpClient, code: str) -> None:
    wire.fail(503, code, {"retry-after": "0"})
    with pytest.raises(PlatformError) as caught:
        client.call_encoded("predict", {})
    assert (caught.value.code, len(wire.requests)) == (code, 1)


def test_repeats_are_bounded(wire: Wire, client: HttpClient) -> None:
    wire.fail(503, "overloaded", {"retry-after": "0"})
    with pytest.raises(PlatformError):
        client.call_encoded("predict", {})
    assert len(wire.requests) == 3


@pytest.mark.parametrize("retry_after", ["3600", "Wed, 21 Oct 2099 07:28:00 GMT", "-1", "soon"])
def test_a_wait_beyond_the_timeout_is_not_begun(wire: Wire, client: HttpClient, retry_after: str) -> None:
    wire.fail(503, "overloaded", {"retry-after": retry_after})
    with pytest.raises(PlatformError):
        client.call_encoded("predict", {})
    assert len(wire.requests) == 1


def test_a_call_whose_connection_breaks_is_not_repeated(wire: Wire, client: HttpClient) -> None:
    wire.answers.append((0, {}, b""))
    with pytest.raises(PlatformError) as caught:
        client.call_encoded("predict", {})
    assert caught.value.code == "connection-lost"
    assert len(wire.requests) == 1


def test_the_interface_is_asked_for_again_when_the_connection_breaks(wire: Wire, client: HttpClient) -> None:
    wire.answers.append((0, {}, b""))
    wire.say(200, INTERFACE.to_json())
    assert client.interface == INTERFACE


def test_nobody_at_the_address_is_unreachable() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(PlatformError) as caught:
        HttpClient(url=url, timeout_s=5).call_encoded("predict", {})
    assert facts(caught.value) == (PlatformError, "unreachable", f"{url} can't be reached: Connection refused")
    assert caught.value.hint == "mlem deployment status NAME"


def test_a_server_that_does_not_answer_in_time_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(WaitTimeoutError, match=f"no answer from {url} within"):
            HttpClient(url=url, timeout_s=0.1).call_encoded("predict", {})


def test_tls_to_a_server_without_is_an_error_of_tls(wire: Wire) -> None:
    wire.say(200, 1)
    with pytest.raises(PlatformError) as caught:
        HttpClient(url=wire.url.replace("http://", "https://"), timeout_s=5).call_encoded("predict", {})
    assert caught.value.code == "tls"


@pytest.mark.parametrize(
    ("data", "url"),
    [
        ({"host": "example.com", "port": 80}, "http://example.com:80"),
        ({"host": "https://example.com", "port": None}, "https://example.com"),
        ({"port": 9000}, "http://0.0.0.0:9000"),
        ({"url": "https://example.com/model/"}, "https://example.com/model"),
        ({"url": "http://[::1]:8080"}, "http://[::1]:8080"),
    ],
)
def test_the_address_may_be_a_url_or_host_and_port_as_in_mlem_04(data: dict[str, Any], url: str) -> None:
    assert HttpClient.from_data(data, "client.mlem").url == url


@pytest.mark.parametrize(
    "url", ["example.com", "ftp://example.com", "http://", "http://h:port", "http://h?x=1", "http://h:99999", ""]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(DeclarationError, match='expected a URL like "http://host:8080"'):
        HttpClient.from_data({"url": url}, "client.mlem")


def test_credentials_in_a_url_are_refused_without_showing_them() -> None:
    with pytest.raises(DeclarationError) as caught:
        HttpClient.from_data({"url": "http://user:s3cret@example.com"}, "client.mlem")
    assert caught.value.message == "client.mlem: url: expected a URL without credentials; set MLEM_TOKEN instead"


def test_the_probe_reads_readiness_and_its_reason(wire: Wire) -> None:
    wire.say(200, {"status": "ready"})
    wire.say(503, {"status": "loading", "reason": "the model is being loaded"})
    wire.answers.append((200, {"content-type": "text/html"}, b"<html>"))
    place = wire.url.removeprefix("http://")
    assert [ready(wire.url, 5), ready(wire.url, 5), ready(f"{wire.url}/base/", 5)] == [
        (True, ""),
        (False, "the model is being loaded"),
        (False, f"{place} answers with status 200, and is not an mlem server"),
    ]
    assert [path for _, path, _, _ in wire.requests] == ["/readyz", "/readyz", "/base/readyz"]


def test_the_probe_tells_why_nobody_answers() -> None:
    port = free_port()
    assert ready(f"http://127.0.0.1:{port}", 5) == (False, f"no connection to 127.0.0.1:{port}: Connection refused")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert ready(f"http://127.0.0.1:{port}", 0.05) == (False, f"no answer from 127.0.0.1:{port} within 0.05 s")
