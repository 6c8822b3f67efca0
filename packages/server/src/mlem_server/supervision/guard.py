"""The guard: a small process beside a single server, which notices when nothing in it works any more.

As process 1 of a container the guard comes first, and the server is its child. It passes on signals, and reaps orphans
of processes that the model started, which the server could not do without taking exit codes from the model's own use of
`subprocess`. Elsewhere the server stays the process that was started, and the guard is its child.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time

from mlem_server.process.exit_codes import HANG_EXIT_CODE, describe_exit, exit_code
from mlem_server.process.heartbeat import CappedClock, HeartbeatMonitor
from mlem_server.process.names import take_name
from mlem_server.process.signals import Signals, reap_children
from mlem_server.telemetry.logs import configure_logs

log = logging.getLogger("mlem.server")

_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)
_NOT_FOR_THE_GUARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
_LOOK_S = 0.5


def guarded(bound_s: float, log_format: str) -> int | None:
    """Start a guard for this process, which must not have threads yet.

    Process 1 becomes the guard itself, and the server continues as its child.

    Args:
        bound_s: How long signs of life may be missing, in seconds; 0 for no limit.
        log_format: How the guard logs.

    Returns:
        The file descriptor for signs of life; None where nobody waits for them.

    Raises:
        SystemExit: In the guard of process 1, with the server's exit code.
    """
    first = os.getpid() == 1
    if not first and not bound_s:
        return None
    heartbeat, server = HeartbeatMonitor(bound_s), os.getpid()
    try:
        pid = os.fork()
    except OSError:  # no room for another process: the server works without a guard
        os.close(heartbeat.beat_fd)
        heartbeat.close()
        return None
    guards = bool(pid) if first else not pid
    if not guards:
        heartbeat.close()
        if first:
            os.setpgid(0, 0)  # Ctrl-C in the container's terminal is for the guard, which passes it on
        return heartbeat.beat_fd
    signals = Signals(_FORWARDED) if first else None
    os.close(heartbeat.beat_fd)
    configure_logs(log_format)
    if signals is not None:
        raise SystemExit(_serve_as_first(pid, heartbeat, signals))
    _watch_parent(server, heartbeat)
    os._exit(0)


def _serve_as_first(pid: int, heartbeat: HeartbeatMonitor, signals: Signals) -> int:
    """Do the work of process 1 until the server ends; return the exit code."""
    clock = CappedClock()
    while True:
        for number in signals.wait(_LOOK_S):
            os.kill(pid, number)
        for gone, code in reap_children():
            if gone == pid:
                if code < 0:
                    log.error("the server %s", describe_exit(code))
                return HANG_EXIT_CODE if heartbeat.given_up else exit_code(code)
        _act(pid, heartbeat, clock)


def _watch_parent(parent: int, heartbeat: HeartbeatMonitor) -> None:
    """Watch the parent of this process until it has ended."""
    for number in _NOT_FOR_THE_GUARD:
        signal.signal(number, signal.SIG_IGN)
    _leave_descriptors(heartbeat.fd)
    take_name("mlem-guard")
    clock = CappedClock()
    while os.getppid() == parent:
        if heartbeat.ended:
            return
        _act(parent, heartbeat, clock)
        time.sleep(_LOOK_S)


def _leave_descriptors(kept: int) -> None:
    """Close the server's descriptors here, all but the log.

    A port that the guard kept would stay open after the server's end.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))


def _act(pid: int, heartbeat: HeartbeatMonitor, clock: CappedClock) -> None:
    number = heartbeat.look(clock.step_s())
    if number is not None:
        log.error(
            "process %d gives no sign of life, as when a model holds Python's lock for ever: %s", pid, number.name
        )
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
