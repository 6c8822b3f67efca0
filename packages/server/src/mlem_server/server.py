"""`serve`: listen, load the model, answer until a signal, then finish what is in flight."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.metadata
import logging
import os
import signal
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlem.errors import WaitTimeoutError
from mlem_server.app import App
from mlem_server.connections import Connections
from mlem_server.errors import ModelHangsError
from mlem_server.heartbeat import beats_on
from mlem_server.listener import BACKLOG, address_of, listen, tls_context
from mlem_server.loading import load, metadata_path, read_model
from mlem_server.logs import configure_logs
from mlem_server.settings import Settings

log = logging.getLogger("mlem.server")

_AFTER_HANG_S = 2.0
"""Who waits has been answered by then: this is for who has not sent all of a request."""
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(model: str | Path, settings: Settings | None = None) -> None:
    """Serve a model over HTTP, until SIGTERM or SIGINT.

    Args:
        model: Path of ``<name>.mlem``, with or without the extension.
        settings: Where to listen, and limits.

    Raises:
        MlemError: The metadata can't be read, the address can't be used, the model can't be loaded or does not answer its sample.
        ConflictError: An artifact's size or SHA-256 is not the saved one.
        WaitTimeoutError: Requests in flight were cut off when the time for stopping was over.
        ModelHangsError: The model did not come back from a call; its thread still runs.
    """
    settings = settings or Settings()
    path = metadata_path(model)
    metadata = read_model(path)
    configure_logs(settings.log_format)
    name = path.name.removesuffix(".mlem")
    with contextlib.closing(listen(settings)) as listener:
        # the port is open before the model is loaded: who asks meanwhile learns that the server is alive and not ready
        app = App(metadata, name, settings, importlib.metadata.version("mlem-server"))
        asyncio.run(_run(app, listener, settings, functools.partial(load, metadata, path.parent, settings.trust)))


def _watched_no_more(life: int, stopping: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(life)
    log.warning("the process that watches this one is gone")
    stopping.set()


async def _stop_accepting(
    server: asyncio.Server, listener: socket.socket, connections: Connections, context: ssl.SSLContext | None, timeout_s: float | None
) -> None:
    """Close the port, and take those who are connected by then: the kernel resets who waits at a socket that is closed."""
    loop = asyncio.get_running_loop()
    loop.remove_reader(listener)
    for _ in range(2):  # connections that asyncio has accepted get their protocol: a closed server would drop them
        await asyncio.sleep(0)
    waiting = []
    with contextlib.suppress(OSError):  # nobody waits any more
        while True:
            waiting.append(listener.accept()[0])
    server.close()
    for one in waiting:
        one.setblocking(False)
    taken = (loop.connect_accepted_socket(connections.accept, one, ssl=context, ssl_handshake_timeout=timeout_s) for one in waiting)
    await asyncio.gather(*taken, return_exceptions=True)  # a caller who is gone by now is no concern of ours


async def _run(app: App, listener: socket.socket, settings: Settings, load: Callable[[], Any]) -> None:
    context = tls_context(settings)
    connections = Connections(app, settings)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop(number: int) -> None:
        if stopping.is_set():
            os._exit(128 + number)  # the second signal: at once
        log.info("%s: finishing %d requests in flight", signal.Signals(number).name, connections.in_flight())
        stopping.set()

    for number in SIGNALS:
        loop.add_signal_handler(number, stop, number)
    app.hangs.on_hang = stopping.set
    if settings.beat_fd is not None:
        app.hangs.on_look = beats_on(settings.beat_fd)
    if settings.life_fd is not None:
        loop.add_reader(settings.life_fd, _watched_no_more, settings.life_fd, stopping)
    timeout_s = settings.header_timeout_s if context else None
    server = await loop.create_server(
        connections.accept, sock=listener, ssl=context, ssl_handshake_timeout=timeout_s, backlog=BACKLOG, start_serving=not settings.late
    )
    url = address_of(listener, tls=context is not None)
    log.info("listening on %s, loading the model", url)
    loading = asyncio.create_task(app.load(load))
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({loading, waiting}, return_when=asyncio.FIRST_COMPLETED)
    if not loading.done() or loading.exception() is None:
        if loading.done():
            await server.start_serving()
            log.info("ready: POST %s", ", ".join(f"{url}/{method}" for method in app.model.methods))
        await waiting
    await _stop_accepting(server, listener, connections, context, timeout_s)
    hangs = app.readiness.reason if app.readiness.status == "hanging" else ""
    stop_timeout_s = min(settings.shutdown_timeout_s, _AFTER_HANG_S) if hangs else settings.shutdown_timeout_s
    cut_off = await connections.stop(stop_timeout_s, app.stop())
    waiting.cancel()
    app.close()
    if loading.done():
        loading.result()
    loading.cancel()
    if hangs:
        raise ModelHangsError(hangs, hint="the log says where; --hang-timeout-s N gives a call more time")
    if cut_off:
        raise WaitTimeoutError(f"{cut_off} requests were cut off after {settings.shutdown_timeout_s:g} s", code="cut-off")
    log.info("stopped")
