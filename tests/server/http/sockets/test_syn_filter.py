from __future__ import annotations

import contextlib
import socket

import pytest

from mlem_server.http.sockets.syn_filter import admit_new_connections, drop_new_connections


def test_stopping_ignores_who_comes_too_late() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, contextlib.ExitStack() as stack:
        early = stack.enter_context(socket.create_connection(listener.getsockname(), timeout=10))
        assert drop_new_connections(listener)
        late = stack.enter_context(socket.socket())
        late.settimeout(0.2)
        with pytest.raises(TimeoutError):
            late.connect(listener.getsockname())
        accepted = stack.enter_context(listener.accept()[0])
        early.sendall(b"x")
        assert accepted.recv(1) == b"x"
        admit_new_connections(listener)
        stack.enter_context(socket.create_connection(listener.getsockname(), timeout=10))
