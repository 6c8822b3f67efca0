from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlem_server.bodies import AT_ONCE, Bodies
from mlem_server.errors import HttpError
from mlem_server.request import DisconnectedError, Request


def request_of(parts: list[bytes], headers: dict[bytes, bytes] | None = None) -> Request:
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": part, "more_body": index < len(parts) - 1} for index, part in enumerate(parts)
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    all_headers = {b"transfer-encoding": b"chunked"} if headers is None else headers
    return Request({"type": "http", "method": "POST", "path": "/predict", "headers": list(all_headers.items())}, receive)


@given(st.lists(st.binary(max_size=10), min_size=1, max_size=10))
def test_a_body_is_whole_or_refused_when_it_is_over_the_limit(parts: list[bytes]) -> None:
    body = b"".join(parts)
    assert asyncio.run(request_of(parts).body(len(body), 60)) == body
    if body:
        with pytest.raises(HttpError) as caught:
            asyncio.run(request_of(parts).body(len(body) - 1, 60))
        assert caught.value.status == 413


def test_reading_stops_where_the_limit_is_passed() -> None:
    request = request_of([b"12345", b"67890", b"1"])
    with pytest.raises(HttpError):
        asyncio.run(request.body(7, 60))
    assert request.unread


def test_a_caller_that_is_gone_is_no_request() -> None:
    request = request_of([])
    with pytest.raises(DisconnectedError):
        asyncio.run(request.body(10, 60))


def test_draining_ends_at_its_limit() -> None:
    request = request_of([b"12345"] * 10)
    asyncio.run(request.drain(12, 60))
    assert request.unread
    asyncio.run(request.drain(1000, 60))
    assert not request.unread


def test_the_rest_of_a_body_that_waits_for_permission_is_not_asked_for() -> None:
    request = request_of([b"12345"], {b"content-length": b"5", b"expect": b"100-continue"})
    asyncio.run(request.drain(1000, 60))
    assert request.unread


@pytest.mark.parametrize("length", [b"", b"-1", b"1e3", b"9" * 30, b"11"])
def test_an_announced_length_that_is_wrong_or_over_the_limit_is_refused(length: bytes) -> None:
    with pytest.raises(HttpError) as caught:
        request_of([b""], {b"content-length": length}).check_length(10)
    assert caught.value.status == 413


def test_the_sum_of_bodies_on_their_way_is_bounded() -> None:
    go_on = asyncio.Event()

    async def receive() -> dict[str, Any]:
        await go_on.wait()
        return {"type": "http.request", "body": b"x", "more_body": False}

    async def run() -> list[object]:
        bodies = Bodies(10, 60)
        scope = {"type": "http", "method": "POST", "path": "/", "headers": [(b"transfer-encoding", b"chunked")]}
        first = [asyncio.create_task(bodies.read(Request(scope, receive))) for _ in range(AT_ONCE)]
        await asyncio.sleep(0)
        refused = await asyncio.gather(bodies.read(Request(scope, receive)), return_exceptions=True)
        go_on.set()
        await asyncio.gather(*first)
        again = await bodies.read(Request(scope, receive))
        return [getattr(refused[0], "code", None), again]

    assert asyncio.run(run()) == ["overloaded", b"x"]
