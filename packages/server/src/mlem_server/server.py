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
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import uvicorn

from mlem.errors import WaitTimeoutError
from mlem_server.app import App
from mlem_server.listener import BACKLOG, address_of, listen
from mlem_server.loading import load, metadata_path, read_model
from mlem_server.logs import configure_logs
from mlem_server.readiness import READY, STOPPING
from mlem_server.settings import Settings

log = logging.getLogger("mlem.server")

SIGNALS = (signal.SIGTERM, signal.SIGINT)
KEEP_ALIVE_S = 75  # longer than load balancers keep a connection (60 s is usual): the side that reuses it should be the one that closes it


def serve(model: str | Path, settings: Settings | None = None) -> None:
    """Serve a model over HTTP, until SIGTERM or SIGINT.

    Args:
        model: Path of ``<name>.mlem``, with or without the extension.
        settings: Where to listen, and limits.

    Raises:
        MlemError: The metadata can't be read, the address can't be used, the model can't be loaded or does not answer its sample.
        ConflictError: An artifact's size or SHA-256 is not the saved one.
        WaitTimeoutError: Requests in flight were cut off when the time for stopping was over.
    """
    settings = settings or Settings()
    path = metadata_path(model)
    metadata = read_model(path)
    configure_logs()
    name = path.name.removesuffix(".mlem")
    with contextlib.closing(listen(settings)) as listener:
        # the port is open before the model is loaded: who asks meanwhile learns that the server is alive and not ready
        app = App(metadata, name, settings, importlib.metadata.version("mlem-server"))
        asyncio.run(_run(app, listener, settings, functools.partial(load, metadata, path.parent)))


async def _run(app: App, listener: socket.socket, settings: Settings, load: Callable[[], Any]) -> None:
    server = _Server(app, settings)
    url = address_of(listener)
    log.info("listening on %s, loading the model", url)
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.add_signal_handler(number, server.stop, number)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    loading = asyncio.create_task(app.load(load))
    await asyncio.wait({serving, loading}, return_when=asyncio.FIRST_COMPLETED)
    if app.readiness is READY:
        log.info("ready: POST %s", ", ".join(f"{url}/{method}" for method in app.model.methods))
    if loading.done() and loading.exception() is not None:
        server.should_exit = True
    await serving
    if loading.done():
        loading.result()
    loading.cancel()
    # what uvicorn cancelled still has its answer to send
    await asyncio.wait({loading, *server.server_state.tasks}, timeout=1)
    if app.cut_off:
        raise WaitTimeoutError(f"{app.cut_off} requests were cut off after {settings.shutdown_timeout_s:g} s", code="cut-off")
    log.info("stopped")


class _Server(uvicorn.Server):
    """A uvicorn server that leaves the signals to us: its own raises them again after a clean stop, so that the exit code is not 0."""

    def __init__(self, app: App, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                lifespan="off",
                ws="none",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                headers=[("server", "mlem-server")],
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=settings.shutdown_timeout_s,  # type: ignore[arg-type]  # says int, waits with asyncio.wait_for
                backlog=BACKLOG,
            )
        )
        self._app = app

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    def stop(self, number: int) -> None:
        """Handle a signal: the first one stops in order, a second one at once."""
        if self.should_exit:
            os._exit(128 + number)
        log.info("%s: finishing %d requests in flight", signal.Signals(number).name, len(self.server_state.tasks))
        self._app.readiness = STOPPING
        self.should_exit = True
