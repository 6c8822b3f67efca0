"""What the API answers, and what does not answer, in our words; and where the key goes."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from mlem import MlemError, WaitTimeoutError
from mlem_provider_heroku.api.errors import translate
from mlem_provider_heroku.api.sdk import ApiSession

KEY = "canary-a7c2"

SAID = [
    (400, "bad_request", 7, "heroku-refused"),
    (401, "unauthorized", 6, "heroku-unauthorized"),
    (402, "delinquent", 7, "heroku-billing"),
    (403, "forbidden", 6, "heroku-forbidden"),
    (403, "suspended", 6, "heroku-suspended"),
    (404, "not_found", 3, "heroku-not-found"),
    (406, "not_acceptable", 7, "heroku-refused"),
    (409, "conflict", 4, "heroku-conflict"),
    (410, "gone", 7, "heroku-gone"),
    (422, "invalid_params", 2, "heroku-refused"),
    (422, "verification_needed", 7, "heroku-billing"),
    (429, "rate_limit", 7, "heroku-rate-limit"),
    (500, "internal_server_error", 7, "heroku-unavailable"),
    (503, "", 7, "heroku-unavailable"),
    (302, "", 7, "platform"),
]


@pytest.mark.parametrize(("status", "id_", "exit_code", "code"), SAID)
def test_each_status_has_its_code_and_exit_code(status: int, id_: str, exit_code: int, code: str) -> None:
    error = translate("do it", status, id_, "No.")
    assert (error.exit_code, error.code) == (exit_code, code)
    assert error.message == f"can't do it: No. (status {status}{f', {id_}' if id_ else ''})"
    assert (error.hint is None) == (code == "platform")


class Answering:
    """A server that gives its answers one after the other, and keeps the requests."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append((self.command, self.path, dict(self.headers)))
                status, body = outer.answers.pop(0)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PATCH = do_DELETE = do_GET

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def session(self) -> ApiSession:
        return ApiSession(f"http://127.0.0.1:{self.server.server_port}", KEY, 5.0)


@pytest.fixture
def answering() -> Iterator[Answering]:
    made = Answering()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


def ask(session: ApiSession) -> Any:
    return session.request("read the config vars", "GET", "/apps/app/config-vars", absent=True)


def refused(session: ApiSession) -> MlemError:
    with pytest.raises(MlemError) as caught:
        ask(session)
    return caught.value


def test_a_refusal_is_raised_at_once_and_a_passing_failure_is_repeated(answering: Answering) -> None:
    answering.answers = [(401, json.dumps({"id": "unauthorized", "message": "Invalid credentials provided."}).encode())]
    error = refused(answering.session())
    assert (error.code, error.message) == (
        "heroku-unauthorized",
        "can't read the config vars: Invalid credentials provided. (status 401, unauthorized)",
    )
    answering.answers = [(503, b"<html>"), (429, b"{}"), (200, b'{"A": "b"}')]
    session = answering.session()
    assert (ask(session), session.calls) == ({"A": "b"}, 3)
    answering.answers = [(404, b"[]")]
    assert ask(answering.session()) is None


def test_what_is_not_an_api_gives_no_answer(answering: Answering) -> None:
    answering.answers = [(200, b"<html>hello")]
    assert refused(answering.session()).code == "heroku-refused"
    answering.answers = [(302, b"")]
    assert refused(answering.session()).code == "platform"
    assert [path for _, path, _ in answering.requests] == ["/apps/app/config-vars"] * 2


def test_the_key_goes_to_the_api_alone(answering: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login other password wrong\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    answering.answers = [(200, b"{}")]
    ask(answering.session())
    authorization = answering.requests[0][2]["Authorization"]
    assert authorization == "Basic " + base64.b64encode(f":{KEY}".encode()).decode()
    (tmp_path / ".netrc").unlink()
    answering.answers = [(200, b"one\ntwo\n")]
    session = answering.session()
    assert list(session.stream(f"{session.api_url}/stream", follow=False)) == ["one", "two"]
    assert "Authorization" not in answering.requests[1][2]
    assert KEY not in repr(session)


def test_nothing_there_is_said_without_the_key() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    error = refused(ApiSession(f"http://127.0.0.1:{port}", KEY, 1.0))
    assert (error.code, error.message) == (
        "heroku-unreachable",
        f"can't read the config vars: the connection to http://127.0.0.1:{port} failed (Connection refused)",
    )


def test_a_silent_api_is_not_waited_for_without_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        session = ApiSession(f"http://127.0.0.1:{silent.getsockname()[1]}", KEY, 0.1)
        error = refused(session)
    assert (type(error), error.code, session.calls) == (WaitTimeoutError, "heroku-timeout", 3)
