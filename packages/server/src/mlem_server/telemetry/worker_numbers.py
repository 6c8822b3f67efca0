"""Numbers of several workers: each keeps its own in files in a folder, and any of them reports the sum.

The files are named after the worker's slot, not after its process: its successor goes on counting in them, and there
are never more files. Source: https://prometheus.github.io/client_python/multiprocess/ (read 2026-11).
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, values
from prometheus_client.multiprocess import mark_process_dead

from mlem_server.process.exit_codes import exit_label

log = logging.getLogger("mlem.server")

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_FOLDERS = (None, "/dev/shm")  # noqa: S108  # the usual ones, then memory, the only one if the root is read-only
_WATCHING = "watching"


def keep_under(slot: int | str) -> None:
    """Keep this process's numbers in files with a name of its own; to be called before there are any.

    Args:
        slot: A name that no other process has at the same time.
    """
    if MULTIPROCESS_VARIABLE in os.environ:
        # the library has no types
        values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def shared_folder() -> Iterator[Path | None]:
    """Make the folder in which workers keep their numbers, and remove it at the end.

    None where no file can be written.
    """
    for parent in _FOLDERS:
        try:
            folder = tempfile.TemporaryDirectory(prefix="mlem-metrics-", dir=parent, ignore_cleanup_errors=True)
        except OSError:
            continue
        with folder as name:
            yield Path(name)
        return
    log.warning(
        "no folder can be written to, not even /dev/shm: /metrics reports the numbers of one worker; "
        "mount a tmpfs on /tmp to get the sum"
    )
    yield None


def forget_live(slot: int, folder: Path) -> None:
    """Forget the current values of a worker that has ended, such as calls in flight.

    Args:
        slot: The worker's.
        folder: Where the numbers are kept.
    """
    with contextlib.suppress(OSError):
        mark_process_dead(slot, str(folder))  # type: ignore[no-untyped-call]  # the library leaves it without types


class WorkerExits:
    """The ends of workers, counted by the process that watches them.

    Args:
        folder: Where the numbers are kept.
    """

    def __init__(self, folder: Path) -> None:
        os.environ[MULTIPROCESS_VARIABLE] = str(folder)
        keep_under(_WATCHING)
        self._ends = Counter(
            "mlem_worker_ends",
            "Workers that have ended, by exit code or signal.",
            ["how"],
            registry=CollectorRegistry(),
        )

    def count(self, code: int) -> None:
        """Count one.

        Args:
            code: Its exit code, negative for a signal.
        """
        self._ends.labels(exit_label(code)).inc()
