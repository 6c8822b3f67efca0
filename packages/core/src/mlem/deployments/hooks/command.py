"""One command of a hook: run in a process group of its own, followed line by line, and ended with all that it began."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

LAST_LINES = 20
_PAUSE_S = 0.1
_GRACE_S = 5.0
_LONGEST_LINE_BYTES = 8192


@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        words: Why that is a failure; empty where it is none.
        lines: The last lines of what it printed.
    """

    words: str
    lines: tuple[str, ...] = ()


def run_command(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    document: bytes,
    timeout_s: float,
    report: Callable[[str], None],
    guard: Callable[[], None],
) -> Ended:
    """Run a command, and wait until it ends.

    Args:
        command: The program and its arguments; a relative path starts from the folder.
        folder: Where it runs.
        environment: Its variables.
        document: What it reads from stdin.
        timeout_s: How long it may take, in seconds; then it is ended, with all processes of its group.
        report: Gets each line that it prints.
        guard: Called again and again meanwhile; what it raises ends the command, as an interrupt does.
    """
    with tempfile.TemporaryFile() as stdin:  # a pipe would wait for a command that reads nothing
        stdin.write(document)
        stdin.seek(0)
        try:
            process = subprocess.Popen(  # noqa: S603  # the project's own command
                command,
                cwd=folder,
                env=dict(environment),
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return Ended(f"can't be started: {error.strerror}")
    try:
        return _followed(process, time.monotonic() + timeout_s, timeout_s, report, guard)
    except BaseException:
        _end(process)
        raise


def _followed(
    process: subprocess.Popen[bytes],
    deadline: float,
    timeout_s: float,
    report: Callable[[str], None],
    guard: Callable[[], None],
) -> Ended:
    printed: queue.SimpleQueue[str] = queue.SimpleQueue()
    reader = threading.Thread(target=_read, args=(process.stdout, printed), daemon=True)
    reader.start()
    last: deque[str] = deque(maxlen=LAST_LINES)

    def take() -> bool:
        try:
            line = printed.get(timeout=_PAUSE_S)
        except queue.Empty:
            return False
        last.append(line)
        report(line)
        return True

    while process.poll() is None:
        if time.monotonic() >= deadline:
            _end(process)
            return Ended(f"did not end within {timeout_s:g} s", tuple(last))
        guard()
        take()
    while take():  # what a process that it left behind prints later is not waited for
        pass
    code = process.returncode
    return Ended("" if code == 0 else f"ended by signal {-code}" if code < 0 else f"exit status {code}", tuple(last))


def _read(stdout: IO[bytes] | None, printed: queue.SimpleQueue[str]) -> None:
    if stdout is not None:
        with stdout:
            while line := stdout.readline(_LONGEST_LINE_BYTES):
                printed.put(line.decode("utf-8", "replace").rstrip("\r\n"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all processes of its group: politely, then not."""
    try:
        _signal(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE_S)
    finally:
        _signal(process, getattr(signal, "SIGKILL", signal.SIGTERM))
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(OSError):  # nobody is left
        if hasattr(os, "killpg"):
            os.killpg(process.pid, number)
        else:
            process.terminate()
