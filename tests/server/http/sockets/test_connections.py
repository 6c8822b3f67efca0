"""Connections with an application that has no model: they know nothing but the interface."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mlem_server.http.application import Application
from mlem_server.http.errors import HttpError
from mlem_server.http.request import Reply, Request
from mlem_server.http.response import Response, error_response
from mlem_server.http.sockets.connections import Connections
from mlem_server.settings import Settings


class Echo(Application):
    """Answers with the body; notes what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def admit(self, request: Request) -> Response | None:
        """Let everybody in but who asks for ``/closed``."""
        request.takes_body = True
        return self.refused(HttpError(404, "not-found", "there is no /closed")) if request.path == "/closed" else None

    def reserve(self, request: Request, size_bytes: int) -> bool:
        """Have room."""
        return True

    def handle(self, request: Request, reply: Reply) -> None:
        """Answer with the body, a little later."""
        asyncio.get_running_loop().call_soon(reply, Response(200, bytes(request.body), b"text/plain"))

    def refused(self, error: HttpError) -> Response:
        """Note the refusal."""
        self.told.append(error.code)
        return error_response(error)

    def admits_again(self, request: Request) -> bool:
        """Have each looked at anew."""
        return False

    def answered(self, request: Request, response: Response) -> None:
        """Note the answer."""
        self.told.append((request.path, response.status))

    def forget(self, request: Request) -> None:
        """Note who is gone."""
        self.told.append(f"{request.path} is forgotten")

    def tick(self) -> None:
        """Have nothing to do."""

    def loop_was_late(self, seconds: float) -> None:
        """Not care."""


def served(*requests: bytes) -> tuple[list[Any], bytes]:
    """Send requests on one connection, and read until it ends.

    Return what the application was told, and the answers.
    """
    app = Echo()

    async def ask() -> bytes:
        connections = Connections(app, Settings())
        server = await asyncio.get_running_loop().create_server(connections.accept, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(b"".join(requests))
            writer.write_eof()
            answers = await reader.read()
            writer.close()
            await writer.wait_closed()
        assert await connections.stop(10.0, Response(503, b"")) == 0
        return answers

    return app.told, asyncio.run(ask())


def post(path: str, body: bytes) -> bytes:
    return b"POST %s HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n%s" % (path.encode(), len(body), body)


def test_requests_of_a_connection_are_answered_in_turn_by_whatever_application_there_is() -> None:
    told, answers = served(post("/a", b"first"), post("/b", b"second"))
    assert told == [("/a", 200), ("/b", 200)]
    assert answers.index(b"\r\n\r\nfirst") < answers.index(b"\r\n\r\nsecond")


def test_a_refusal_of_the_application_is_the_answer_and_the_connection_lives_on() -> None:
    told, answers = served(post("/closed", b"first"), post("/b", b"second"))
    assert told == ["not-found", ("/closed", 404), ("/b", 200)]
    assert (answers.count(b"HTTP/1.1 404 "), answers.count(b"HTTP/1.1 200 ")) == (1, 1)


@pytest.mark.parametrize("data", [b"no HTTP at all\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"])
def test_what_is_not_http_does_not_reach_the_application_as_a_request(data: bytes) -> None:
    told, answers = served(data)
    assert answers.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 505 "))
    assert told[0] in ("bad-http", "bad-http-version")
