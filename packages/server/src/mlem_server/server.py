"""`serve`: listen, load the model, answer until a signal, then finish what is in flight."""

from __future__ import annotations

import asyncio
import importlib.metadata
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mlem_model.errors import MlemError, WaitTimeoutError
from mlem_model.models.model import Model
from mlem_model.serving.protection import TOKENS_VARIABLE
from mlem_server.app import App
from mlem_server.http.sockets.acceptor import Acceptor
from mlem_server.http.sockets.connections import Connections
from mlem_server.http.sockets.listener import address_of, certificate_watch, is_open, listening, tls_context
from mlem_server.inference.errors import ModelHangsError
from mlem_server.inference.loading import load, read_model
from mlem_server.models.paths import paths_by_name
from mlem_server.models.reloading import Reloader
from mlem_server.process.heartbeat import heartbeat_writer
from mlem_server.process.movable_loop import MovableLoop
from mlem_server.process.signals import STOP_SIGNALS, has_terminal
from mlem_server.settings import Settings
from mlem_server.telemetry.logs import configure_logs

log = logging.getLogger("mlem.server")

_AFTER_HANG_S = 2.0
"""Waiting callers have been answered by then; this time is for those that have not sent all of a request."""
_LEAVE_S = 0.1
"""Callers who have connected while a model was loaded for others have this time to hear that it is not ready."""


def serve(models: str | Path | Sequence[str | Path], settings: Settings | None = None, *, told: str = "") -> None:
    """Serve a model over HTTP, or several, until SIGTERM or SIGINT.

    Args:
        models: Path of ``<name>.mlem``, with or without the extension, or several; a folder stands for all models in
            it. A single model answers at the root, each of several under ``/models/NAME/``.
        settings: Where to listen, and limits.
        told: What is said first in the log; empty for nothing.

    Raises:
        MlemError: The metadata can't be read, the address can't be used, a model can't be loaded or does not answer
            its sample.
        UserError: There is no model in a folder, or two have the same name.
        ConflictError: An artifact's size or SHA-256 is not the saved one.
        WaitTimeoutError: Requests in flight were cut off when the time for stopping was over.
        ModelHangsError: The model did not come back from a call; its thread still runs.
    """
    settings = settings or Settings()
    found = found_models([models] if isinstance(models, str | Path) else models)
    configure_logs(settings.log_format)
    if told:
        log.info("%s", told)
    with listening(settings) as listener:
        # the port opens before models are loaded, so that callers learn that the server is alive and not ready yet
        run(found, settings, listener, lambda one: partial(load, one.model, one.path.parent, settings.trust))


@dataclass(frozen=True)
class Found:
    """A model that is to be served.

    Attributes:
        path: Its metadata's file.
        model: The metadata.
    """

    path: Path
    model: Model


def found_models(models: Sequence[str | Path]) -> dict[str, Found]:
    """Return what is to be served, by name; see `serve`."""
    return {name: Found(path, read_model(path)) for name, path in paths_by_name(models).items()}


def run(
    found: Mapping[str, Found],
    settings: Settings,
    listener: socket.socket,
    load: Callable[[Found], Callable[[], Any]],
    *,
    hand_over: bool = False,
    announced: bool = False,
) -> None:
    """Serve until a signal; see `serve`.

    Args:
        found: The models, by name.
        settings: Limits.
        listener: Where callers come from.
        load: Returns what loads a model and returns it.
        hand_over: Whether to end as soon as the models are loaded, and leave new callers to other processes: none of
            the models is asked anything here.
        announced: Whether the log has already that the models are loaded, and where they are served.
    """
    app = App({name: one.model for name, one in found.items()}, settings, importlib.metadata.version("mlem-server"))
    with asyncio.Runner(loop_factory=MovableLoop) as runner:
        runner.run(_run(app, listener, settings, found, load, hand_over=hand_over, announced=announced))


def _watched_no_more(life: int, stopping: asyncio.Event) -> None:
    asyncio.get_running_loop().remove_reader(life)
    log.warning("the process that watches this one is gone")
    stopping.set()


def _hung_up(app: App, stop: Callable[[int], None], had_terminal: bool) -> None:
    """Read tokens and certificates again; or stop, where the signal says that the terminal was closed."""
    if had_terminal and not has_terminal():
        stop(signal.SIGHUP)
        return
    log.info("SIGHUP: reading files again")
    app.watches.reload()


def _tell_protection(listener: socket.socket, url: str, settings: Settings) -> None:
    """Warn if others can reach a server that asks nobody who they are.

    One of several workers does it for all of them.
    """
    if settings.tokens or settings.late or settings.platform_knows_callers or not is_open(listener):
        return
    log.warning(
        "anybody who reaches %s can call the model: to ask for a token, set %s or --token-file", url, TOKENS_VARIABLE
    )


async def _load(
    app: App,
    found: Mapping[str, Found],
    load: Callable[[Found], Callable[[], Any]],
    *,
    hand_over: bool,
    announced: bool,
) -> None:
    """Load one model after the other: together they would not be faster, and the first would be ready later."""
    for place in app.places:
        if not announced:
            log.info("loading the model %s", place.name)
        try:
            loading = load(found[place.name])
            if hand_over:
                await place.load_for_others(loading)
            else:
                await place.load(loading, found[place.name].path.parent)
        except MlemError as error:
            if len(found) > 1:
                error.message = f"{place.name}: {error.message}"
            raise
    if not hand_over:
        app.on_look()  # before the first call: from now on signs of life are expected


async def _run(
    app: App,
    listener: socket.socket,
    settings: Settings,
    found: Mapping[str, Found],
    load: Callable[[Found], Callable[[], Any]],
    *,
    hand_over: bool,
    announced: bool,
) -> None:
    context = tls_context(settings)
    connections = Connections(app, settings)
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()

    def stop(number: int) -> None:
        if stopping.is_set():
            os._exit(128 + number)  # the second signal: at once
        log.info("%s: finishing %d requests in flight", signal.Signals(number).name, connections.in_flight())
        stopping.set()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop, number)
    for place in app.places:
        place.hangs.on_hang = stopping.set
    if settings.beat_fd is not None:
        app.on_look = heartbeat_writer(settings.beat_fd)
    if settings.life_fd is not None:
        loop.add_reader(settings.life_fd, _watched_no_more, settings.life_fd, stopping)
    loop.add_signal_handler(signal.SIGHUP, _hung_up, app, stop, has_terminal())
    if context is not None:
        app.watches.add(certificate_watch(context, settings))
    acceptor = Acceptor(listener, connections, context, settings.header_timeout_s)
    if not settings.late:
        acceptor.start()
    url = address_of(listener, tls=context is not None)
    if not announced:
        log.info("listening on %s", url)
        _tell_protection(listener, url, settings)
    loading = asyncio.create_task(_load(app, found, load, hand_over=hand_over, announced=announced))
    waiting = asyncio.create_task(stopping.wait())
    await asyncio.wait({loading, waiting}, return_when=asyncio.FIRST_COMPLETED)
    failed = loading.done() and loading.exception() is not None
    if hand_over and loading.done() and not failed:
        acceptor.leave()
        await connections.stop(_LEAVE_S, app.stop())
        waiting.cancel()
        app.close()
        return
    if loading.done() and not failed:
        acceptor.start()
        for place in app.places:
            app.watches.add(Reloader(place, found[place.name].path, settings.trust).watch(polled=settings.reload))
            base = url + quote(place.prefix)
            log.info("ready: POST %s", ", ".join(f"{base}/{method}" for method in place.served.model.methods))
    if not failed:
        await waiting
    hangs = app.places.hanging
    refusal = app.stop()
    connections.stopping = True  # for those that are taken now, too
    await acceptor.stop(worker=settings.slot is not None, own=settings.fd is None)
    stop_timeout_s = min(settings.shutdown_timeout_s, _AFTER_HANG_S) if hangs else settings.shutdown_timeout_s
    cut_off = await connections.stop(stop_timeout_s, refusal)
    waiting.cancel()
    app.close()
    if loading.done():
        loading.result()
    loading.cancel()
    if hangs:
        raise ModelHangsError(hangs, hint="the log says where; --hang-timeout-s N gives a call more time")
    if cut_off:
        raise WaitTimeoutError(
            f"{cut_off} requests were cut off after {settings.shutdown_timeout_s:g} s", code="cut-off"
        )
    log.info("stopped")
