"""Workers: several processes that serve one model on one socket, watched by one that does nothing else."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from types import FrameType

from mlem_server.acceptor import heed_callers, ignore_callers
from mlem_server.listener import address_of, listen
from mlem_server.logs import configure_logs
from mlem_server.metrics import MULTIPROCESS_VARIABLE
from mlem_server.server import SIGNALS
from mlem_server.settings import Settings

log = logging.getLogger("mlem.server")

_QUICK_S = 5.0
_MOST_QUICK_ENDS = 3


class Workers:
    """The processes of one server.

    A worker that ends is started anew, unless it says that this would not help: a wrong option, a missing file, a changed artifact, a
    wrong sample answer. While it loads the model, the others answer. When the watching process is killed, its workers notice and stop.

    Args:
        words: The arguments of the command, as the workers get them.
        count: How many.
        settings: Where to listen.
    """

    def __init__(self, words: Sequence[str], count: int, settings: Settings) -> None:
        self._words = list(words)
        self._count = count
        self._settings = settings
        self._processes: dict[int, tuple[subprocess.Popen[bytes], float]] = {}
        self._quick_ends = 0
        self._stopping = False
        self._told: set[int] = set()
        self._listener: socket.socket | None = None

    def run(self) -> int:
        """Serve until a signal, or until the workers can't; return the exit code.

        Raises:
            MlemError: The address can't be used.
        """
        configure_logs(self._settings.log_format)
        for number in SIGNALS:
            signal.signal(number, self._stop)
        with contextlib.closing(listen(self._settings)) as listener, tempfile.TemporaryDirectory(prefix="mlem-metrics-") as folder:
            self._listener, fd = listener, listener.fileno()
            log.info("listening on %s with %d workers", address_of(listener, tls=self._settings.tls_certificate is not None), self._count)
            life, _watched = os.pipe()  # workers see its end when this process is gone, however it went
            environment = {**os.environ, MULTIPROCESS_VARIABLE: folder}
            code = 0
            while not self._stopping and code == 0:
                while len(self._processes) < self._count and not self._stopping:
                    self._start(fd, life, environment)
                code = self._wait()
            return self._finish(code)

    def _start(self, listener: int, life: int, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "mlem_server", *self._words, "--workers", "1", "--fd", str(listener), "--life-fd", str(life)]
        if self._processes:
            command.append("--late")
        try:
            process = subprocess.Popen(command, pass_fds=[listener, life], env=environment)  # noqa: S603  # our own arguments
        except OSError:
            if self._stopping:  # the socket was closed just now
                return
            raise
        self._processes[process.pid] = (process, time.monotonic())
        if self._stopping:
            self._tell(process)

    def _wait(self) -> int:
        """Wait until a worker ends; return an exit code when it is no use to start another."""
        pid, status = os.waitpid(-1, 0)
        found = self._processes.pop(pid, None)
        if found is None or self._stopping:
            return 0
        process, started = found
        process.returncode = code = os.waitstatus_to_exitcode(status)
        log.warning("worker %d ended with code %d", pid, code)
        self._quick_ends = self._quick_ends + 1 if time.monotonic() - started < _QUICK_S else 0
        hopeless = code in (2, 3, 4, 8) or self._quick_ends >= _MOST_QUICK_ENDS
        return max(code, 1) if hopeless else 0

    def _finish(self, code: int) -> int:
        for process, _ in self._processes.values():
            self._tell(process)
        for process, _ in self._processes.values():
            code = max(code, process.wait())
        if self._listener is not None and self._settings.fd is not None:
            heed_callers(self._listener)  # who gave us the socket may have it still
        log.info("stopped")
        return code

    def _tell(self, process: subprocess.Popen[bytes]) -> None:
        """Tell a worker to stop, once: the second signal would end it at once, with what it has in flight."""
        if process.pid not in self._told:
            self._told.add(process.pid)
            process.send_signal(signal.SIGTERM)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        again, self._stopping = self._stopping, True
        if self._listener is not None:
            ignore_callers(self._listener)  # the workers take those who are connected
        for process, _ in list(self._processes.values()):
            if again:
                process.send_signal(signal.SIGTERM)
            else:
                self._tell(process)
        if again:
            os._exit(128 + number)
