"""Commands on this machine, with the variables and the folder of a server."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import psutil

from mlem import NotFoundError, Streams
from mlem_provider_local.process import Server, variables_of

_END_S = 5.0
"""How long a command may take to end by an interrupt, before it is killed."""


def run_command(server: Server, command: Sequence[str], streams: Streams) -> int:
    """Run a command as the server runs; ``python`` is the server's.

    Args:
        server: The supervisor.
        command: The command's words.
        streams: Its standard streams.

    Raises:
        NotFoundError: There is no such command.
    """
    variables, folder = _surroundings(server)
    files = [_file_of(stream) for stream in (streams.stdin, streams.stdout, streams.stderr)]
    with _left_to_the_command() if streams.tty else contextlib.nullcontext():
        try:
            # S603: it is the user's own command, and no shell reads it
            process = subprocess.Popen(  # noqa: S603
                command,
                cwd=folder,
                env=variables,
                stdin=subprocess.DEVNULL if streams.stdin is None else files[0],
                stdout=files[1],
                stderr=files[2],
            )
        except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
            raise NotFoundError(
                f"can't run {command[0]}: {error.strerror}", code="no-such-command", hint="is it spelt rightly?"
            ) from error
        try:
            with _copying(process, streams):
                code = process.wait()
        except BaseException:
            _end(process)
            raise
    return code if code >= 0 else 128 - code


def _surroundings(server: Server) -> tuple[dict[str, str], str]:
    variables = variables_of(server)
    try:
        process = psutil.Process(server.pid)
        folder, python = process.cwd(), process.cmdline()[0]
    except (psutil.Error, OSError, IndexError):
        variables = None
    if variables is None:
        raise NotFoundError("the server has just ended", code="not-running", hint="run the deployment again")
    path = os.pathsep.join([str(Path(python).parent), variables.get("PATH", os.defpath)])
    own = {name: os.environ[name] for name in ("TERM", "COLUMNS", "LINES") if name in os.environ}
    return {**variables, **own, "PATH": path}, folder


def _file_of(stream: object) -> int:
    """Return what a process gets for a stream: the descriptor, or a pipe where there is none."""
    try:
        descriptor: int = stream.fileno()  # type: ignore[attr-defined]
    except (OSError, ValueError, AttributeError):
        return subprocess.PIPE
    return descriptor


@contextlib.contextmanager
def _copying(process: subprocess.Popen[bytes], streams: Streams) -> Iterator[None]:
    """Copy what goes through pipes, until all of it has come."""
    ended = threading.Event()
    copies = [
        threading.Thread(target=_copy, args=(pipe, write), daemon=True)
        for pipe, write in ((process.stdout, streams.write_output), (process.stderr, streams.write_errors))
        if pipe is not None
    ]
    feeding = threading.Thread(target=_feed, args=(process.stdin, streams, ended), daemon=True)
    for thread in (*copies, feeding):
        thread.start()
    try:
        yield
    finally:
        ended.set()
    for thread in copies:
        thread.join()


def _copy(pipe: IO[bytes], write: Callable[[bytes], None]) -> None:
    with pipe:
        while data := os.read(pipe.fileno(), 65536):
            write(data)


def _feed(pipe: IO[bytes] | None, streams: Streams, ended: threading.Event) -> None:
    if pipe is None:
        return
    with contextlib.suppress(OSError):  # it has read enough
        for data in streams.chunks(ended):
            pipe.write(data)
            pipe.flush()
    with contextlib.suppress(OSError):
        pipe.close()


@contextlib.contextmanager
def _left_to_the_command() -> Iterator[None]:
    """Leave Ctrl-C to a command that has the terminal: this process gets it, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, lambda *_signal: None)  # ignored for good, the command would inherit it
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt a command with all that it has started, and kill what does not end by that."""
    with contextlib.suppress(psutil.NoSuchProcess):
        top = psutil.Process(process.pid)
        tree = [*top.children(recursive=True), top]
        for number in (signal.SIGINT, signal.SIGKILL):
            for one in tree:
                with contextlib.suppress(psutil.NoSuchProcess):
                    one.send_signal(number)
            _, tree = psutil.wait_procs(tree, timeout=_END_S)
    process.wait()
