"""What a template does: it loads the models while it answers that it does, and forks workers when it is told to."""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import logging
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from mlem_model.errors import MlemError
from mlem_server.inference.loading import Untried, load_untried, try_out
from mlem_server.process.failures import report
from mlem_server.process.memory import give_back_free_memory, share_one_heap
from mlem_server.process.names import take_name
from mlem_server.process.signals import forget_signals
from mlem_server.server import Found, found_models, run
from mlem_server.settings import Settings
from mlem_server.supervision.remains import Remains, seed_anew
from mlem_server.supervision.template import LOADED
from mlem_server.telemetry.worker_numbers import keep_under

log = logging.getLogger("mlem.server")

_LOOK_S = 1.0
"""Seconds between two looks at the metadata on disk."""
_MOST_BYTES = 4096


@dataclass(frozen=True)
class Forking:
    """What a template and its workers are to do.

    Args:
        models: Paths of the models.
        settings: How they are served.
        listener: The socket.
        life: The descriptor that ends with the process that watches the workers.
        slot: Which number the template counts under.
        noted: The signals that the watching process notes.
    """

    models: Sequence[str]
    settings: Settings
    listener: socket.socket
    life: int
    slot: int
    noted: Sequence[int]

    def run(self, orders: socket.socket) -> NoReturn:
        """Do the work of the template, in a process that was forked for it.

        Args:
            orders: The connection to the watching process.
        """
        _end_with(partial(self._run, orders))

    def _run(self, orders: socket.socket) -> int:
        os.setpgid(0, 0)  # Ctrl-C is for the watching process, which tells this one
        forget_signals(self.noted)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        _keep_files(self.listener.fileno(), self.life, orders.fileno())
        take_name("mlem-template")
        share_one_heap()
        keep_under(self.slot)
        found = found_models(self.models)
        texts = {one.path: one.path.read_bytes() for one in found.values()}
        loaded: dict[Path, Untried] = {}
        remains: Remains | None = None

        def load(one: Found) -> Callable[[], None]:
            def work() -> None:
                nonlocal remains
                remains = remains or Remains(_packages(found))
                loaded[one.path] = load_untried(one.model, one.path.parent, self.settings.trust)

            return work

        # no call is answered here, so that none is recorded
        settings = replace(self.settings, life_fd=self.life, slot=self.slot, record="", traces=False)
        run(found, settings, self.listener.dup(), load, hand_over=True)
        if remains is None or len(loaded) < len(found):
            return 0  # it was told to stop
        give_up_garbage()
        reason = remains.reason()
        orders.send((reason or LOADED).encode())
        if not reason:
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            self._fork_workers(orders, found, texts, loaded)
        return 0

    def _fork_workers(
        self,
        orders: socket.socket,
        found: Mapping[str, Found],
        texts: Mapping[Path, bytes],
        loaded: Mapping[Path, Untried],
    ) -> None:
        """Fork workers until the watching process is gone, or another model is on disk: a new worker is to have it."""
        orders.settimeout(_LOOK_S)
        while not _has_changed(texts):
            with contextlib.suppress(TimeoutError):
                order, fds, *_ = socket.recv_fds(orders, _MOST_BYTES, 1)
                if not order:
                    return
                self._fork(orders, {**json.loads(order), "beat_fd": fds[0]}, found, loaded)
                os.close(fds[0])

    def _fork(
        self,
        orders: socket.socket,
        order: Mapping[str, Any],
        found: Mapping[str, Found],
        loaded: Mapping[Path, Untried],
    ) -> None:
        """Fork a worker that is not this process's child, but the watching process's: that one waits for its end."""
        try:
            between = os.fork()
        except OSError:
            orders.send(b"0")
            return
        if between:
            os.waitpid(between, 0)
            return
        try:
            pid = os.fork()
        except OSError:
            orders.send(b"0")
            os._exit(0)
        if pid:
            orders.send(str(pid).encode())
            os._exit(0)
        orders.close()
        _end_with(partial(self._work, order, found, loaded))

    def _work(self, order: Mapping[str, Any], found: Mapping[str, Found], loaded: Mapping[Path, Untried]) -> int:
        """Do the work of a worker."""
        os.setpgid(0, 0)
        take_name(f"mlem-worker {order['slot']}")
        seed_anew()
        keep_under(order["slot"])
        settings = replace(self.settings, fd=self.listener.fileno(), life_fd=self.life, **order)
        run(found, settings, self.listener, lambda one: partial(try_out, loaded[one.path]), announced=True)
        return 0


def _end_with(work: Callable[[], int]) -> NoReturn:
    """Do the work of a process that was forked, and end it with the exit code.

    What its parent registered for its own end is not done, such as removing a folder that others use.
    """
    atexit._clear()
    code = 1
    try:
        code = work()
    except MlemError as error:
        code = report(error)
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            atexit._run_exitfuncs()
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
        os._exit(code)


def give_up_garbage() -> None:
    """Free what is not needed, and leave the rest alone: the garbage collector of a fork would write to all of it."""
    gc.collect()
    gc.freeze()
    give_back_free_memory()


def _keep_files(*kept: int) -> None:
    """Close all files but the standard ones and some: the others are the watching process's own."""
    first = 3
    for fd in sorted(kept):
        os.closerange(first, fd)
        first = fd + 1
    os.closerange(first, os.sysconf("SC_OPEN_MAX"))


def _packages(found: Mapping[str, Found]) -> set[str]:
    return {requirement.package_name for one in found.values() for requirement in one.model.requirements}


def _has_changed(texts: Mapping[Path, bytes]) -> bool:
    for path, text in texts.items():
        with contextlib.suppress(OSError):
            if path.read_bytes() != text:
                return True
    return False
