"""Server processes of this machine: found by their label, started detached, stopped for good."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from mlem import DeclarationError, PlatformError
from mlem.provider import unusable
from mlem_provider_local.log_file import LOG_FILE
from mlem_provider_local.records import ProcessRecord

FOLDER_FD = 5  # as the supervisor has it
_SAME_START_S = 2.0
"""Two readings of a process's start may differ by this much: the kernel counts from a boot time that follows the
clock."""


@dataclass(frozen=True)
class Label:
    """The ownership mark in a server's arguments.

    Attributes:
        lineage: The deployment it belongs to.
        model_hash: The model it serves.
        host: The address it listens on.
        port: The port it listens on.
    """

    lineage: str
    model_hash: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.lineage}/{self.model_hash}/{self.host}/{self.port}"

    @classmethod
    def parse(cls, text: str) -> Label | None:
        """Read a label back from a process's arguments; None when there is none."""
        parts = text.split("/")
        if len(parts) != 4 or not parts[3].isdigit():
            return None
        return cls(parts[0], parts[1], parts[2], int(parts[3]))


@dataclass(frozen=True)
class Server:
    """A running server process of ours.

    Attributes:
        pid: Its process id.
        started: Its start, seconds since the epoch: together with the pid it identifies one process, even when pids are
            reused.
        label: Its ownership mark.
        restart: When its supervisor starts it again.
        orphan: Whether its supervisor was killed: then it stops by itself, and must not be used.
    """

    pid: int
    started: float
    label: Label
    restart: str = "no"
    orphan: bool = False


def find_all() -> list[Server]:
    """Return the running servers of all deployments, whoever started them."""
    return [server for process in psutil.process_iter() if (server := _server(process)) is not None]


def find(lineage: str) -> list[Server]:
    """Return the running servers of a deployment."""
    return [server for server in find_all() if server.label.lineage == lineage]


def lookup(pid: int, started: float) -> Server | None:
    """Return the server with a pid and a start time; None when it is gone, or another process has the pid now."""
    try:
        server = _server(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return None
    return server if server is not None and abs(server.started - started) < _SAME_START_S else None


def lookup_recorded(record: ProcessRecord) -> Server | None:
    """Return the server of a record; see `lookup`.

    Raises:
        DeclarationError: The record was edited, and does not identify a process any more.
    """
    pid, started = record.pid, record.started
    if not 0 < pid < 2**31 or not record.knows("started") or not record.knows("url"):
        raise DeclarationError(
            f"the state can't be read: process: pid {pid!r}, started {started!r} and url {record.url!r} "
            "do not identify a process",
            code="bad-state",
            hint="restore the file from a backup or from version control",
        )
    return lookup(pid, started)


def _server(process: psutil.Process) -> Server | None:
    try:
        arguments = process.cmdline()
        if "--deployment" not in arguments[:-1] or process.status() == psutil.STATUS_ZOMBIE:
            return None
        label = Label.parse(arguments[arguments.index("--deployment") + 1])
        if label is None:
            return None
        if _writes_log(process.pid, label.lineage):
            restart = arguments[arguments.index("--restart") + 1] if "--restart" in arguments else "no"
            return Server(process.pid, process.create_time(), label, restart)
        is_orphan = _has_folder(process.pid, label.lineage) and not _lives(os.getsid(process.pid))
        return Server(process.pid, process.create_time(), label, orphan=True) if is_orphan else None
    except (psutil.Error, ProcessLookupError):  # it ended meanwhile, or is another user's
        return None


def _writes_log(pid: int, lineage: str) -> bool:
    """Say whether a process writes the log of a deployment: a process that only has the same arguments does not."""
    try:
        output = os.readlink(f"/proc/{pid}/fd/1")
    except OSError:  # another user's, or a system without /proc: its arguments have to do
        return True
    return output.removesuffix(" (deleted)").endswith(f"/{lineage}/{LOG_FILE}")


def _has_folder(pid: int, lineage: str) -> bool:
    """Say whether a process has a deployment's folder open, which it can only have from the deployment's supervisor."""
    try:
        return os.readlink(f"/proc/{pid}/fd/{FOLDER_FD}").removesuffix(" (deleted)").endswith(f"/{lineage}")
    except OSError:
        return False


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def listen(host: str, port: int) -> socket.socket:
    """Take a port, so that nobody else can until the server has it.

    Args:
        host: The address to listen on.
        port: The port; 0 for any free one.

    Raises:
        PlatformError: The port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PlatformError(
            f"can't listen on {host}:{port}: {error.strerror}",
            code="port-in-use",
            hint="choose another port: --port N, or leave it out for any free one",
        ) from error
    except OverflowError as error:
        listener.close()
        raise PlatformError(f"can't listen on {host}:{port}: {error}") from error
    return listener


def variables_of(server: Server) -> Mapping[str, str] | None:
    """Return the variables that a server was started with; None when it is gone, or they can't be read."""
    try:
        return psutil.Process(server.pid).environ()
    except (psutil.Error, OSError):
        return None


def start(
    model: Path,
    listener: socket.socket,
    label: Label,
    log: Path,
    variables: Mapping[str, str] | None = None,
    restart: str = "no",
) -> Server:
    """Start a server and its supervisor, detached from this process and its terminal.

    Args:
        model: The model's ``.mlem`` file.
        listener: The listening socket that the server takes over.
        label: The ownership mark.
        log: The file that its output is appended to.
        variables: Its environment; that of this process when None.
        restart: When the supervisor starts it again: ``no``, ``on-failure``, ``always``.

    Returns:
        The supervisor: it lives as long as the deployment does.

    Raises:
        PlatformError: The process can't be started.
    """
    # -P: a file random.py in the folder that the command runs in must not be imported by the server
    server = [
        sys.executable,
        "-P",
        "-m",
        "mlem_server",
        str(model),
        "--fd",
        "3",
        "--life-fd",
        "4",
        "--deployment",
        str(label),
    ]
    arguments = [sys.executable, "-P", "-m", "mlem_provider_local.supervisor", "--restart", restart, "--", *server]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        pid = os.posix_spawn(
            sys.executable,
            arguments,
            dict(os.environ if variables is None else variables),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(log), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
                (os.POSIX_SPAWN_DUP2, listener.fileno(), 3),
            ],
            setsid=True,
        )
    except OSError as error:
        raise unusable(log, error, "start a server with the log") from error
    _await_arguments(pid)
    return Server(pid, psutil.Process(pid).create_time(), label, restart)


def _await_arguments(pid: int) -> None:
    """Wait until a process that was started can be told by its arguments.

    The kernel lets the parent go on as soon as the child leaves its memory, which is before the child has its own: who
    looks for it then does not find it.
    """
    process = psutil.Process(pid)
    with contextlib.suppress(psutil.ZombieProcess):
        while not process.cmdline():
            time.sleep(0.0005)


def stop(servers: Sequence[Server], timeout_s: float) -> None:
    """Stop servers with all that they have started: first ask, then kill those that take too long.

    Args:
        servers: What to stop.
        timeout_s: How long they may take to finish what is in flight.
    """
    processes = [psutil.Process(server.pid) for server in servers if lookup(server.pid, server.started) is not None]
    sessions = {session for process in processes if (session := _session(process)) != os.getsid(0)} - {0}
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    alive = _await_end(processes, timeout_s)
    # a session belongs to one deployment: what is left in it is its server, or what the model has started
    left = [
        *alive,
        *(process for process in psutil.process_iter() if process not in alive and _session(process) in sessions),
    ]
    for process in left:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    _await_end(left, 10.0)


_LOOK_S = 0.05
"""The pause between two looks whether processes have ended."""


def _await_end(processes: Sequence[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Wait until processes have ended; return those that have not.

    One that has ended stays in the process list until its parent asks for its exit code: the program that deployed it
    may never do so.
    """
    deadline = time.monotonic() + timeout_s
    while (alive := [process for process in processes if not _has_ended(process)]) and time.monotonic() < deadline:
        psutil.wait_procs(alive, timeout=min(_LOOK_S, max(0.0, deadline - time.monotonic())))
    return alive


def _has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _session(process: psutil.Process) -> int:
    try:
        return os.getsid(process.pid)
    except OSError:  # it ended meanwhile, or is another user's
        return 0
