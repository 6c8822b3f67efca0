"""Workers: several processes that serve one model on one socket, watched by one that does nothing else."""

from __future__ import annotations

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlem_server.http.sockets.listener import address_of, listening
from mlem_server.http.sockets.syn_filter import admit_new_connections, drop_new_connections
from mlem_server.process.backoff import Backoff
from mlem_server.process.exit_codes import PERMANENT_FAILURES, describe_exit, exit_code
from mlem_server.process.heartbeat import CappedClock, HeartbeatMonitor
from mlem_server.process.signals import STOP_SIGNALS, Signals, has_terminal, reap_children
from mlem_server.settings import Settings
from mlem_server.telemetry.logs import configure_logs, report_faults
from mlem_server.telemetry.worker_numbers import MULTIPROCESS_VARIABLE, WorkerExits, forget_live, shared_folder

log = logging.getLogger("mlem.server")

_MOST_UNREADY_ENDS = 3
_LOOK_S = 0.5


@dataclass(slots=True)
class Worker:
    """One of the processes.

    Attributes:
        process: The process.
        slot: Its number among them; its successor gets the same one.
        heartbeat: Its signs of life, the first of which says that its model is loaded.
        started: When it was started, in seconds of the monotonic clock.
        told: Whether it was told to stop.
    """

    process: subprocess.Popen[bytes]
    slot: int
    heartbeat: HeartbeatMonitor
    started: float
    told: bool = False


class Workers:
    """The processes of one server.

    A worker that ends is started again, at once or after a pause that grows with each failure. If one ends before its
    model was loaded, and no other has loaded it either, the server ends: at once where the exit code says that starting
    again would not help, otherwise the third time. While one loads the model, the others answer. When the watching
    process is killed, its workers notice and stop.

    Args:
        words: The arguments of the command, as the workers get them.
        count: How many.
        settings: Where to listen, and how long a worker may give no sign of life.
    """

    def __init__(self, words: Sequence[str], count: int, settings: Settings) -> None:
        self._words = list(words)
        self._settings = settings
        self._running: dict[int, Worker] = {}
        self._due = [Backoff() for _ in range(count)]
        self._unready_ends = 0
        self._stopping = False
        self._code = 0
        self._folder: Path | None = None
        self._ends: WorkerExits | None = None

    def run(self) -> int:
        """Serve until a signal, or until the workers can't; return the exit code.

        Raises:
            MlemError: The address can't be used.
        """
        configure_logs(self._settings.log_format)
        report_faults()
        signals, clock = Signals((*STOP_SIGNALS, signal.SIGHUP)), CappedClock()
        with listening(self._settings) as listener, shared_folder() as self._folder:
            if self._folder is not None:
                self._ends = WorkerExits(self._folder)
            count = len(self._due)
            log.info(
                "listening on %s with %d workers",
                address_of(listener, tls=self._settings.tls_certificate is not None),
                count,
            )
            life, _watched = os.pipe()  # workers see it close when this process is gone, however it ended
            while self._running or not self._stopping:
                if not self._stopping:
                    self._start_due(listener, life)
                for number in signals.wait(self._pause_s(), *self._life()):
                    self._act_on(number, listener)
                for pid, code in reap_children():
                    self._ended(pid, code, listener)
                if self._life() and signals.can_read(*self._life()):
                    log.warning("the process that watches this one is gone")
                    self._stop(listener)
                self._check_heartbeats(clock.step_s())
            if self._settings.fd is not None:
                admit_new_connections(listener)  # whoever gave us the socket may still use it
        log.info("stopped")
        return self._code

    # What is started

    def _start_due(self, listener: socket.socket, life: int) -> None:
        taken = {worker.slot for worker in self._running.values()}
        for slot, backoff in enumerate(self._due):
            if slot not in taken and backoff.due:
                self._start(slot, listener.fileno(), life)

    def _start(self, slot: int, listener: int, life: int) -> None:
        heartbeat = HeartbeatMonitor(self._settings.hang_bound_s)
        fds = {"--fd": listener, "--life-fd": life, "--beat-fd": heartbeat.beat_fd}
        numbers = {"--workers": 1, "--slot": slot, **fds}
        command = [
            sys.executable,
            "-m",
            "mlem_server",
            *self._words,
            *(str(word) for pair in numbers.items() for word in pair),
        ]
        if self._running:
            command.append("--late")
        environment = {**os.environ, **({MULTIPROCESS_VARIABLE: str(self._folder)} if self._folder is not None else {})}
        try:
            # a group of its own: Ctrl-C is for this process alone, and a second signal would end a worker at once
            # S603: the command is our own
            process = subprocess.Popen(command, pass_fds=list(fds.values()), env=environment, process_group=0)  # noqa: S603
        except OSError as error:  # no memory, too many processes
            log.error("can't start a worker: %s", error)  # the error says enough
            heartbeat.close()
            self._due[slot].ended(0.0)
            return
        finally:
            os.close(heartbeat.beat_fd)
        self._running[process.pid] = Worker(process, slot, heartbeat, time.monotonic())

    # What ends

    def _ended(self, pid: int, code: int, listener: socket.socket) -> None:
        worker = self._running.pop(pid, None)
        if worker is None:  # an orphan of the model's, which process 1 takes care of
            return
        worker.process.returncode = code
        worker.heartbeat.look(0.0)  # a sign that was not read yet
        worker.heartbeat.close()
        if self._folder is not None:
            forget_live(worker.slot, self._folder)
        if self._stopping:
            if code != -signal.SIGTERM:  # that one was told to stop before it could listen
                self._code = max(self._code, exit_code(code))
            return
        if self._ends is not None:
            self._ends.count(code)
        backoff = self._due[worker.slot]
        backoff.ended(time.monotonic() - worker.started if worker.heartbeat.seen else 0.0)
        if self._is_hopeless(worker, code):
            log.error("worker %d %s before its model was loaded; the server ends", pid, describe_exit(code))
            self._code = max(exit_code(code), 1)
            self._stop(listener)
            return
        pause_s = backoff.pause_s
        log.warning(
            "worker %d %s; another is started %s", pid, describe_exit(code), f"in {pause_s:g} s" if pause_s else "now"
        )

    def _is_hopeless(self, worker: Worker, code: int) -> bool:
        if worker.heartbeat.seen or any(other.heartbeat.seen for other in self._running.values()):
            self._unready_ends = 0
            return False
        self._unready_ends += 1
        return code in PERMANENT_FAILURES or self._unready_ends >= _MOST_UNREADY_ENDS

    # What is told to them

    def _act_on(self, number: int, listener: socket.socket) -> None:
        if number == signal.SIGHUP and not has_terminal():
            for worker in self._running.values():
                worker.process.send_signal(number)
        elif not self._stopping:
            self._stop(listener)
        else:  # the second one: at once
            for worker in self._running.values():
                worker.process.send_signal(signal.SIGTERM)
            os._exit(128 + number)

    def _stop(self, listener: socket.socket) -> None:
        self._stopping = True
        drop_new_connections(listener)  # the workers take those that have connected
        for worker in self._running.values():
            if not worker.told:
                worker.told = True
                worker.process.terminate()

    def _check_heartbeats(self, step_s: float) -> None:
        for pid, worker in self._running.items():
            number = worker.heartbeat.look(step_s)
            if number is not None:
                log.error(
                    "worker %d gives no sign of life, as when a model holds Python's lock for ever: %s",
                    pid,
                    number.name,
                )
                worker.process.send_signal(number)

    def _life(self) -> tuple[int, ...]:
        """Return what shows the watching process is gone, until this one stops."""
        return () if self._settings.life_fd is None or self._stopping else (self._settings.life_fd,)

    def _pause_s(self) -> float:
        waits = [backoff.left_s for backoff in self._due if backoff.left_s] if not self._stopping else []
        return min(_LOOK_S, *waits) if waits else _LOOK_S
