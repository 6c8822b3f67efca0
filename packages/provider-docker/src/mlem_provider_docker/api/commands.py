"""Commands in a container, by the Engine's exec: their streams, exit codes and ends."""

from __future__ import annotations

import contextlib
import re
import secrets
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from mlem import MlemError, NotFoundError, Streams, UserError
from mlem_provider_docker.api.sdk import Engine, translated

_MARK = "MLEM_EXEC"
"""The variable by which a command and all that it starts are found again."""
_STDERR = 2
_CHUNK_BYTES = 65536
_END_S = 5.0
_LOOK_S = 0.05
_RESIZE_ATTEMPTS = 10
_NO_DETACHING = "ctrl-],ctrl-@,ctrl-]"
"""The Engine's own keys for leaving a command behind are those of bash for the line before."""
_NOT_THERE = re.compile(r"executable file not found|no such file or directory|permission denied", re.IGNORECASE)
_SIGNAL = """
import os, sys
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            if sys.argv[1].encode() in file.read().split(b"\\0"):
                os.kill(int(pid), int(sys.argv[2]))
    except OSError:
        pass
"""
_SIGINT, _SIGKILL = 2, 9


def run_command(engine: Engine, container: str, command: Sequence[str], streams: Streams) -> int:
    """Run a command in a container, and return its exit code.

    Args:
        engine: Where the container is.
        container: Its id.
        command: The command's words.
        streams: Its standard streams.

    Raises:
        NotFoundError: There is no such command in it.
        UserError: The Engine is reached by TLS, through which the end of the input can't be passed.
    """
    if streams.stdin is not None and engine.endpoint.certificates is not None:
        raise UserError(
            "the end of an input can't be passed to an Engine through TLS",
            code="no-input",
            hint="mlem deployment exec NAME --no-stdin -- COMMAND, or reach the Engine by ssh://",
        )
    what, mark = f"run {command[0]} in the container {container[:12]}", f"{_MARK}={secrets.token_hex(8)}"
    with translated(what):
        id_ = engine.api.exec_create(
            container,
            list(command),
            stdin=streams.stdin is not None,
            tty=streams.tty,
            environment=[mark],
            detach_keys=_NO_DETACHING,
        )["Id"]
    try:
        with _connected(engine, id_, what, tty=streams.tty) as connection:
            _pass_on(engine, id_, connection, streams)
        code = _exit_code(engine, id_)
    except BaseException as error:
        _end(engine, container, id_, mark)
        if isinstance(error, MlemError) and _NOT_THERE.search(str(error.__cause__)):
            raise _no_such(command[0]) from error
        raise
    if code is None:  # the connection was lost
        _end(engine, container, id_, mark)
        raise NotFoundError(f"the connection to {command[0]} was lost", code="not-running")
    # the Engine's own where the program could not be started (seen with Engine 20.10)
    if code in (126, 127) and not _was_started(engine, id_):
        raise _no_such(command[0])
    return code


class _Connection:
    """The two ways of a connection that was upgraded, whatever the transport.

    Args:
        socket: As the SDK returns it: of a Unix socket, TCP, or the ``ssh`` command.
    """

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._response = socket._response
        # what came with the answer's headers is in its buffer
        self._reader = self._response.raw._fp.fp

    def wait_for_ever(self) -> None:
        """Set no limit on how long a read may take."""
        getattr(self._socket, "_sock", self._socket).settimeout(None)

    def read(self, most: int) -> bytes:
        """Read what is there; nothing at the end."""
        return bytes(self._reader.read1(most))

    def exactly(self, count: int) -> bytes:
        """Read as many bytes; fewer at the end."""
        found = b""
        while len(found) < count and (data := self.read(count - len(found))):
            found += data
        return found

    def write(self, data: bytes) -> None:
        """Write all of it."""
        getattr(self._socket, "_sock", self._socket).sendall(data)

    def end_input(self) -> None:
        """Say that nothing more is written."""
        process = getattr(self._socket, "proc", None)
        if process is not None:
            process.stdin.close()
        else:
            import socket

            getattr(self._socket, "_sock", self._socket).shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close it."""
        self._response.close()
        self._socket.close()


@contextlib.contextmanager
def _connected(engine: Engine, id_: str, what: str, *, tty: bool) -> Iterator[_Connection]:
    with translated(what):
        connection = _Connection(engine.api.exec_start(id_, tty=tty, socket=True))
        connection.wait_for_ever()  # a command may be silent for long
    try:
        yield connection
    finally:
        connection.close()


def _pass_on(engine: Engine, id_: str, connection: _Connection, streams: Streams) -> None:
    ended = threading.Event()
    feeding = threading.Thread(target=_feed, args=(connection, streams, ended), daemon=True)

    def resized(rows: int, columns: int) -> None:
        for _ in range(_RESIZE_ATTEMPTS):  # it may not be started yet, though the Engine has said so
            with contextlib.suppress(MlemError), translated("resize the terminal"):
                engine.api.exec_resize(id_, height=rows, width=columns)
                return
            time.sleep(_LOOK_S)

    with streams.raw(resized):
        feeding.start()
        try:
            if streams.tty:
                while data := connection.read(_CHUNK_BYTES):
                    streams.write_output(data)
            else:
                # Source: Docker Engine API, "Attach to a container", "Stream format" (read 2026-11)
                while len(head := connection.exactly(8)) == 8:
                    kind, length = struct.unpack(">BxxxL", head)
                    data = connection.exactly(length)
                    (streams.write_errors if kind == _STDERR else streams.write_output)(data)
        finally:
            ended.set()
            feeding.join()


def _feed(connection: _Connection, streams: Streams, ended: threading.Event) -> None:
    with contextlib.suppress(OSError, ValueError):  # the command has ended
        for data in streams.chunks(ended):
            connection.write(data)
        if streams.stdin is not None and not ended.is_set():
            connection.end_input()


def _exit_code(engine: Engine, id_: str) -> int | None:
    """Return the exit code; None where the command has not ended though its connection has."""
    until = time.monotonic() + _END_S
    while time.monotonic() < until:
        with translated("ask for the exit code"):
            found = engine.api.exec_inspect(id_)
        if not found["Running"] and found["ExitCode"] is not None:
            return int(found["ExitCode"])
        time.sleep(_LOOK_S)
    return None


def _was_started(engine: Engine, id_: str) -> bool:
    with translated("ask for the command"):
        return bool(engine.api.exec_inspect(id_).get("Pid"))


def _end(engine: Engine, container: str, id_: str, mark: str) -> None:
    """Interrupt a command with all that it has started, and kill what does not end by that.

    The Engine can't; a second command does it, by the variable that the first one has.
    """
    for number in (_SIGINT, _SIGKILL):
        with contextlib.suppress(MlemError), translated("end the command"):
            ending = engine.api.exec_create(container, ["python", "-I", "-S", "-c", _SIGNAL, mark, str(number)])
            engine.api.exec_start(ending["Id"])
            until = time.monotonic() + _END_S
            while number == _SIGINT and engine.api.exec_inspect(id_)["Running"] and time.monotonic() < until:
                time.sleep(_LOOK_S)


def _no_such(word: str) -> NotFoundError:
    return NotFoundError(
        f"can't run {word} in the container: there is no such program",
        code="no-such-command",
        hint="is it spelt rightly?",
    )
