"""`Template`: a process that has loaded the models, as the process sees it that watches the workers.

Workers are forked from it: all that it has in memory is there once for all of them, as long as nobody writes to it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
from collections.abc import Callable

LOADED = "loaded"
"""What a template says when it has loaded the models; else it says why no worker can be forked from it."""
_ANSWER_S = 60.0
_MOST_BYTES = 4096


class Template:
    """One of them.

    Args:
        work: What it does, with its end of the connection, in a process of its own; it does not return.

    Attributes:
        pid: Its process id.
        loaded: Whether it has loaded the models, and workers can be forked from it.
        unfit: Why no worker can be forked from it, once it has loaded them; empty where it can.
        proven: Whether a worker that was forked from it has got ready.

    Raises:
        OSError: There is no memory, or there are too many processes.
    """

    def __init__(self, work: Callable[[socket.socket], None]) -> None:
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        gc.freeze()  # both processes have what there is now: neither should write to it without need
        try:
            self.pid = os.fork()
        except OSError:
            self._orders.close()
            theirs.close()
            raise
        if not self.pid:
            self._orders.close()
            work(theirs)
            os._exit(1)
        theirs.close()
        self._orders.settimeout(_ANSWER_S)
        self.loaded = False
        self.unfit = ""
        self.proven = False

    @property
    def fd(self) -> int:
        """The file descriptor that can be read when it has something to say."""
        return self._orders.fileno()

    @property
    def is_loading(self) -> bool:
        """Whether it has not said yet what came of loading the models."""
        return not self.loaded and not self.unfit

    def read(self) -> bool:
        """Read what it says of that; return False where it has ended instead."""
        text = self._orders.recv(_MOST_BYTES).decode()
        self.loaded = text == LOADED
        self.unfit = "" if self.loaded else text
        return bool(text)

    def start(self, slot: int, beat_fd: int, *, late: bool) -> int:
        """Fork a worker; return its process id. See `mlem_server.supervision.launching.Launcher.start`.

        Raises:
            OSError: There is no memory, there are too many processes, or the template is gone.
        """
        socket.send_fds(self._orders, [json.dumps({"slot": slot, "late": late}).encode()], [beat_fd])
        try:
            answer = self._orders.recv(_MOST_BYTES)
        except TimeoutError:
            self.end()  # a late answer would be taken for that to the next order
            raise
        if not answer:
            raise OSError("the process that it is forked from is gone")
        pid = int(answer)
        if not pid:
            raise OSError("no memory, or too many processes")
        return pid

    def end(self) -> None:
        """Tell it to end."""
        os.kill(self.pid, signal.SIGTERM)

    def close(self) -> None:
        """Close the connection, after its end."""
        self._orders.close()
