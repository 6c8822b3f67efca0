from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from mlem_model.errors import UserError
from mlem_server.http.sockets.listener import address_of, listen
from mlem_server.settings import Settings


async def nodelay_of_a_connection(listener: socket.socket) -> int:
    found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    server = await asyncio.start_server(accept, sock=listener)
    _, writer = await asyncio.open_connection(*listener.getsockname())
    result = await found
    writer.close()
    server.close()
    return result


def test_answers_are_sent_without_delay_from_a_port() -> None:
    listener = listen(Settings(host="127.0.0.1", port=0))
    assert asyncio.run(nodelay_of_a_connection(listener)) != 0


def test_answers_are_sent_without_delay_from_a_socket_that_is_taken_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        listener = listen(Settings(fd=bound.detach()))
    assert asyncio.run(nodelay_of_a_connection(listener)) != 0


def test_the_address_is_a_url() -> None:
    with contextlib.closing(listen(Settings(host="127.0.0.1", port=0))) as listener:
        assert address_of(listener) == f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize("host", ["no such host", "256.0.0.1", "x" * 300])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(UserError) as caught:
        listen(Settings(host=host, port=0))
    assert caught.value.code == "bad-address"


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(UserError) as caught:
        listen(Settings(host="192.0.2.1", port=0))
    assert (caught.value.code, caught.value.message) == ("bad-address", "this machine has no address 192.0.2.1")
