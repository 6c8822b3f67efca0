"""`Launcher`: workers as processes that are started anew, each of which imports the server and loads the models."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mlem_server.telemetry.worker_numbers import MULTIPROCESS_VARIABLE


class Launcher:
    """Starts such workers.

    Args:
        words: The arguments of the command, as the workers get them.
        listener: The socket, as its file descriptor.
        life: The descriptor that ends with this process.
        folder: Where numbers are kept; None where nothing can be written.
    """

    def __init__(self, words: Sequence[str], listener: int, life: int, folder: Path | None) -> None:
        self._words = list(words)
        self._listener = listener
        self._life = life
        self._folder = folder

    def start(self, slot: int, beat_fd: int, *, late: bool) -> int:
        """Start one; return its process id.

        Args:
            slot: Its number.
            beat_fd: Where it writes signs of life.
            late: Whether others answer until it has its models.

        Raises:
            OSError: There is no memory, or there are too many processes.
        """
        fds = {"--fd": self._listener, "--life-fd": self._life, "--beat-fd": beat_fd}
        numbers = {"--workers": 1, "--slot": slot, **fds}
        words = [*self._words, *(str(word) for pair in numbers.items() for word in pair)]
        command = [sys.executable, "-m", "mlem_server", *words, *(["--late"] if late else [])]
        numbers_are = {MULTIPROCESS_VARIABLE: str(self._folder)} if self._folder is not None else {}
        # a group of its own: Ctrl-C is for this process alone, and a second signal would end a worker at once
        process = subprocess.Popen(  # noqa: S603  # the command is our own
            command, pass_fds=list(fds.values()), env={**os.environ, **numbers_are}, process_group=0
        )
        process.returncode = 0  # `reap_children` waits for it
        return process.pid
