"""A client that nobody closes closes its connections without a word, in whatever order Python collects them."""

from __future__ import annotations

import gc
import socket
import sys
from typing import Any

import pytest

from mlem.clients.connection.deadline import Deadline
from mlem.clients.connection.stream import Stream


@pytest.mark.filterwarnings("error::ResourceWarning")
def test_a_connection_that_is_collected_in_a_circle_is_closed_without_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    with socket.create_server(("127.0.0.1", 0)) as server:
        stream = Stream.open("127.0.0.1", server.getsockname()[1], Deadline(10))
        circle: list[Any] = [stream]
        circle.append(circle)
        other = server.accept()[0]
        del stream, circle
        gc.collect()
        other.settimeout(10)
        with other:
            assert other.recv(1) == b""
    assert told == []
