"""The supervisor of a local deployment: it starts the server, writes its log, and keeps its exit code on record.

Usage: ``python -m mlem_provider_local.supervisor --restart WORD -- COMMAND...``, with the log as standard output and
the listening socket as descriptor 3. The command gets the end of a pipe as descriptor 4, which closes when the
supervisor is gone, and the deployment's folder as descriptor 5, so that a server whose supervisor was killed is still
recognised as the deployment's.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mlem_provider_local.home.exit_record import ExitRecord
from mlem_provider_local.home.expiry import expired
from mlem_provider_local.home.starts import NOT_KEPT, Start, read_starts, write_starts
from mlem_provider_local.log_file import LogWriter
from mlem_server.http.sockets.syn_filter import drop_new_connections
from mlem_server.process.backoff import Backoff
from mlem_server.process.exit_codes import PERMANENT_FAILURES, describe_exit, exit_code
from mlem_server.process.signals import Signals, reap_children
from mlem_server.telemetry.logs import configure_logs

log = logging.getLogger("mlem.server")

LISTENER_FD, LIFE_FD, FOLDER_FD = 3, 4, 5
_FREE_FD = 10
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_TOLD_TO_END = (signal.SIGTERM, signal.SIGINT)
_READ_BYTES = 65536
_LOOK_S = 5.0


class Supervisor:
    """Keeps a server.

    Args:
        command: What to start.
        restart: ``no``, ``on-failure`` or ``always``, as in Docker. After an exit code which says that another start
            would not help, the server is not started again.
        writer: The log.

    Attributes:
        expired: When the deployment expired, once the server is stopped for it; empty until then.
    """

    def __init__(self, command: Sequence[str], restart: str, writer: LogWriter) -> None:
        self._command = command
        self._restart = restart
        self._writer = writer
        self._signals = Signals(_FORWARDED)
        self._backoff = Backoff()
        self._pid: int | None = None
        self._started = 0.0
        self._stopping = False
        self.expired = ""
        self._ends = 0
        # above the numbers under which the server gets them
        self._life, self._watched = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FREE_FD) for fd in os.pipe())
        self._output, self._input = (fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FREE_FD) for fd in os.pipe())
        os.set_blocking(self._output, False)

    def run(self) -> int:
        """Keep the server running until it has ended for good, or a signal says so; return the exit code."""
        self._note(ExitRecord(os.getpid()))
        code: int | None = None
        while code is None:
            if self._pid is None and self._backoff.due:
                self._start()
            code = self._turn(self._backoff.left_s or _LOOK_S if self._pid is None else _LOOK_S)
        return code

    def _turn(self, wait_s: float) -> int | None:
        """Wait for the next event, and act on it; return the exit code when that was the end."""
        numbers = self._signals.wait(wait_s, self._output)
        self._pump()
        self._look_at_time()
        for number in numbers:
            self._act_on(number)
        for pid, code in reap_children():
            if pid == self._pid:
                self._pid = None
                self._pump()
                if self._has_ended(code):
                    return exit_code(code)
        return 0 if self._stopping and self._pid is None else None

    def _look_at_time(self) -> None:
        """Stop for good where the deployment has expired."""
        at = None if self._stopping or self._folder is None else expired(self._folder)
        if at is not None:
            log.warning("the deployment expired at %s: the server is stopped", at)
            self.expired = at
            self._note(ExitRecord(os.getpid(), 0, _now(), self._ends, expired=at))
            self._act_on(signal.SIGTERM)

    def _start(self) -> None:
        actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = [
            (os.POSIX_SPAWN_DUP2, self._input, 1),
            (os.POSIX_SPAWN_DUP2, self._input, 2),
            (os.POSIX_SPAWN_DUP2, self._life, LIFE_FD),
        ]
        folder = self._folder
        place = self._writer.place()
        if folder is not None:
            actions.append((os.POSIX_SPAWN_OPEN, FOLDER_FD, str(folder), os.O_RDONLY, 0))
        try:
            self._pid = os.posix_spawn(self._command[0], list(self._command), os.environ, file_actions=actions)
        except OSError as error:  # no memory, too many processes
            log.error("can't start the server: %s", error)
            self._backoff.ended(0.0)
        else:
            self._note_start(*place)
        self._started = time.monotonic()

    def _note_start(self, file: int, offset: int) -> None:
        if self._folder is not None:
            write_starts(self._folder, [*read_starts(self._folder), Start(file, offset)])

    def _forget_dropped(self) -> None:
        """Forget the starts in files that were deleted: the next file may get the same inode."""
        gone = self._writer.dropped
        if gone and self._folder is not None:
            write_starts(self._folder, [NOT_KEPT if one.file in gone else one for one in read_starts(self._folder)])
        gone.clear()

    def _has_ended(self, code: int) -> bool:
        """Note an end; return whether it is the last."""
        self._ends += 1
        again = (
            not self._stopping
            and code not in PERMANENT_FAILURES
            and (self._restart == "always" or (self._restart == "on-failure" and code != 0))
        )
        self._backoff.ended(time.monotonic() - self._started)
        pause_s = self._backoff.pause_s
        self._note(
            ExitRecord(
                os.getpid(),
                code,
                _now(),
                self._ends,
                pause_s if again else None,
                self.expired,
            )
        )
        if again:
            log.warning(
                "the server %s; another is started %s", describe_exit(code), f"in {pause_s:g} s" if pause_s else "now"
            )
        elif not self._stopping:
            log.error("the server %s", describe_exit(code))
        return not again

    def _act_on(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._writer.reopen()
        if number in _TOLD_TO_END:
            self._stopping = True
            with socket.socket(fileno=os.dup(LISTENER_FD)) as listener:
                drop_new_connections(listener, for_good=True)
        if self._pid is not None:
            os.kill(self._pid, number)

    def _pump(self) -> None:
        """Move the server's output into the log."""
        try:
            while data := os.read(self._output, _READ_BYTES):
                self._writer.write(data)
                self._forget_dropped()
        except BlockingIOError:
            return

    @property
    def _folder(self) -> Path | None:
        return self._writer.path.parent if self._writer.path is not None else None

    def _note(self, record: ExitRecord) -> None:
        if self._folder is not None:
            record.write(self._folder)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def main(arguments: Sequence[str]) -> int:
    """Run a supervisor; return the server's exit code.

    Args:
        arguments: ``--restart WORD -- COMMAND...``.
    """
    configure_logs(os.environ.get("MLEM_SERVER_LOG_FORMAT", "text"))
    at = arguments.index("--")
    supervisor = Supervisor(arguments[at + 1 :], arguments[arguments.index("--restart") + 1], LogWriter())
    code = supervisor.run()
    if supervisor.expired and os.getsid(0) == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)  # what the model has started has no other end
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
