"""Workers: several processes that serve one model on one socket, watched by one that does nothing else."""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlem_server.http.sockets.listener import address_of, listening
from mlem_server.http.sockets.syn_filter import admit_new_connections, drop_new_connections
from mlem_server.process.backoff import Backoff
from mlem_server.process.exit_codes import PERMANENT_FAILURES, describe_exit, exit_code
from mlem_server.process.heartbeat import CappedClock, HeartbeatMonitor
from mlem_server.process.signals import STOP_SIGNALS, Signals, adopt_orphans, has_terminal, reap_children
from mlem_server.settings import Settings
from mlem_server.supervision.launching import Launcher
from mlem_server.supervision.template import Template
from mlem_server.telemetry.logs import configure_logs, report_faults
from mlem_server.telemetry.worker_numbers import WorkerExits, forget_live, shared_folder

log = logging.getLogger("mlem.server")

_MOST_UNREADY_ENDS = 3
_LOOK_S = 0.5
_NOTED = (*STOP_SIGNALS, signal.SIGHUP)


@dataclass(slots=True)
class Worker:
    """One of the processes.

    Attributes:
        pid: The process id.
        slot: Its number among them; its successor gets the same one.
        heartbeat: Its signs of life, the first of which says that its model is loaded.
        started: When it was started, in seconds of the monotonic clock.
        template: What it was forked from; None where it has loaded its model by itself.
        told: Whether it was told to stop.
    """

    pid: int
    slot: int
    heartbeat: HeartbeatMonitor
    started: float
    template: Template | None = None
    told: bool = False

    def look(self, step_s: float) -> signal.Signals | None:
        """Return the signal to send to it, if any; see `HeartbeatMonitor.look`."""
        number = self.heartbeat.look(step_s)
        if self.template is not None and self.heartbeat.seen:
            self.template.proven = True
        return number


class Workers:
    """The processes of one server.

    Workers are forked from a template, which has loaded the models, so that they share its memory. Where a model can't
    be used in a fork, each of them loads it by itself.

    A worker that ends is started again, at once or after a pause that grows with each failure. If one ends before its
    model was loaded, and no other has loaded it either, the server ends: at once where the exit code says that starting
    again would not help, otherwise the third time. While one loads the model, the others answer. When the watching
    process is killed, its workers notice and stop.

    Args:
        words: The arguments of the command, as workers get them that load the models.
        models: Paths of the models.
        count: How many.
        settings: Where to listen, and how long a worker may give no sign of life.
    """

    def __init__(self, words: Sequence[str], models: Sequence[str], count: int, settings: Settings) -> None:
        self._words = list(words)
        self._models = list(models)
        self._settings = settings
        self._running: dict[int, Worker] = {}
        self._due = [Backoff() for _ in range(count)]
        self._template: Template | None = None
        self._template_due = Backoff()
        self._forks = False
        self._unready_ends = 0
        self._stopping = False
        self._code = 0
        self._folder: Path | None = None
        self._ends: WorkerExits | None = None

    def run(self, told: str = "") -> int:
        """Serve until a signal, or until the workers can't; return the exit code.

        Args:
            told: What is said first in the log; empty for nothing.

        Raises:
            MlemError: The address can't be used.
        """
        configure_logs(self._settings.log_format)
        report_faults()
        if told:
            log.info("%s", told)
        self._forks = self._settings.fork and adopt_orphans()
        signals, clock = Signals(_NOTED), CappedClock()
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
            launcher = Launcher(self._words, listener.fileno(), life, self._folder)
            while self._running or self._template is not None or not self._stopping:
                if not self._stopping:
                    self._start_due(launcher, listener, life)
                for number in signals.wait(self._pause_s(), *self._life(), *self._news()):
                    self._act_on(number, listener)
                if self._template is not None and self._template.is_loading and signals.can_read(self._template.fd):
                    self._hear(self._template)
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

    def _start_due(self, launcher: Launcher, listener: socket.socket, life: int) -> None:
        taken = {worker.slot for worker in self._running.values()}
        due = [slot for slot, backoff in enumerate(self._due) if slot not in taken and backoff.due]
        if due and self._forks and self._template is None and self._template_due.due:
            self._start_template(listener, life)
        if self._forks and (self._template is None or not self._template.loaded):
            return
        for slot in due:
            self._start(slot, launcher)

    def _start_template(self, listener: socket.socket, life: int) -> None:
        from mlem_server.supervision.forking import Forking  # late: this process needs no server, and workers may not

        forking = Forking(self._models, self._settings, listener, life, len(self._due), _NOTED)
        try:
            self._template = Template(forking.run)
        except OSError as error:
            log.error("can't start the process that loads the model: %s", error)  # the error says enough
            self._template_due.ended(0.0)

    def _start(self, slot: int, launcher: Launcher) -> None:
        heartbeat = HeartbeatMonitor(self._settings.hang_bound_s)
        template = self._template if self._forks else None
        try:
            pid = (template or launcher).start(slot, heartbeat.beat_fd, late=bool(self._running))
        except OSError as error:  # no memory, too many processes
            log.error("can't start a worker: %s", error)  # the error says enough
            heartbeat.close()
            self._due[slot].ended(0.0)
            return
        finally:
            os.close(heartbeat.beat_fd)
        self._running[pid] = Worker(pid, slot, heartbeat, time.monotonic(), template)

    def _hear(self, template: Template) -> None:
        if template.is_loading and template.read() and template.unfit:
            self._fork_no_more(f"loading it {template.unfit}")

    def _fork_no_more(self, reason: str) -> None:
        log.info("each worker loads the model by itself, and has it in its own memory: %s", reason)
        self._forks = False
        if self._template is not None:
            self._template.end()  # its memory is of no use any more

    # What ends

    def _ended(self, pid: int, code: int, listener: socket.socket) -> None:
        if self._template is not None and pid == self._template.pid:
            self._template_ended(self._template, code, listener)
            return
        worker = self._running.pop(pid, None)
        if worker is None:  # an orphan of the model's, which process 1 takes care of
            return
        worker.look(0.0)  # a sign that was not read yet
        worker.heartbeat.close()
        if self._folder is not None:
            forget_live(worker.slot, self._folder)
        if self._stopping:
            self._note_last(code)
            return
        if self._ends is not None:
            self._ends.count(code)
        backoff = self._due[worker.slot]
        backoff.ended(time.monotonic() - worker.started if worker.heartbeat.seen else 0.0)
        if worker.template is not None and not worker.template.proven:
            if self._forks:
                self._fork_no_more(f"worker {pid}, which was to share it, {describe_exit(code)}")
            return
        if self._is_hopeless(code, was_ready=worker.heartbeat.seen):
            log.error("worker %d %s before its model was loaded; the server ends", pid, describe_exit(code))
            self._code = max(exit_code(code), 1)
            self._stop(listener)
            return
        pause_s = backoff.pause_s
        log.warning(
            "worker %d %s; another is started %s", pid, describe_exit(code), f"in {pause_s:g} s" if pause_s else "now"
        )

    def _template_ended(self, template: Template, code: int, listener: socket.socket) -> None:
        self._hear(template)  # what was not read yet
        template.close()
        self._template = None
        if self._stopping:
            self._note_last(code)
            return
        if not self._forks or (template.loaded and not code):  # another model is on disk: the next worker is to have it
            return
        self._template_due.ended(0.0)
        how = f"process {template.pid}, which workers are forked from, {describe_exit(code)}"
        if template.loaded or not self._is_hopeless(code, was_ready=False):
            log.warning("%s; another is started when a worker is", how)
            return
        log.error("%s before its model was loaded; the server ends", how)
        self._code = max(exit_code(code), 1)
        self._stop(listener)

    def _note_last(self, code: int) -> None:
        if code != -signal.SIGTERM:  # that one was told to stop before it could listen
            self._code = max(self._code, exit_code(code))

    def _is_hopeless(self, code: int, *, was_ready: bool) -> bool:
        if was_ready or any(worker.heartbeat.seen for worker in self._running.values()):
            self._unready_ends = 0
            return False
        self._unready_ends += 1
        return code in PERMANENT_FAILURES or self._unready_ends >= _MOST_UNREADY_ENDS

    # What is told to them

    def _act_on(self, number: int, listener: socket.socket) -> None:
        if number == signal.SIGHUP and not has_terminal():
            for worker in self._running.values():
                os.kill(worker.pid, number)
        elif not self._stopping:
            self._stop(listener)
        else:  # the second one: at once
            for worker in self._running.values():
                os.kill(worker.pid, signal.SIGTERM)
            if self._template is not None:
                self._template.end()
            os._exit(128 + number)

    def _stop(self, listener: socket.socket) -> None:
        self._stopping = True
        drop_new_connections(listener)  # the workers take those that have connected
        for worker in self._running.values():
            if not worker.told:
                worker.told = True
                os.kill(worker.pid, signal.SIGTERM)
        if self._template is not None:
            self._template.end()

    def _check_heartbeats(self, step_s: float) -> None:
        for pid, worker in self._running.items():
            number = worker.look(step_s)
            if number is not None:
                log.error(
                    "worker %d gives no sign of life, as when a model holds Python's lock for ever: %s",
                    pid,
                    number.name,
                )
                os.kill(worker.pid, number)

    def _news(self) -> tuple[int, ...]:
        """Return what shows that a template has something to say."""
        return (self._template.fd,) if self._template is not None and self._template.is_loading else ()

    def _life(self) -> tuple[int, ...]:
        """Return what shows the watching process is gone, until this one stops."""
        return () if self._settings.life_fd is None or self._stopping else (self._settings.life_fd,)

    def _pause_s(self) -> float:
        waits = [backoff.left_s for backoff in self._due if backoff.left_s] if not self._stopping else []
        return min(_LOOK_S, *waits) if waits else _LOOK_S
