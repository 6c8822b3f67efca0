"""Locks on folders, which leave no file behind: the kernel drops them when their owner ends, however it ends."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from mlem_model.artifacts.mounts import network_mount
from mlem_model.errors import LockedError

_PAUSE_S = 0.005


class FolderLock:
    """A lock on a folder; threads of one process exclude one another as well.

    Args:
        folder: The folder.

    Raises:
        OSError: The folder can't be opened.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder, os.O_RDONLY)

    def take(self) -> bool | None:
        """Take the lock; return whether it was free, None where the file system has no locks."""
        import fcntl

        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True

    def close(self) -> None:
        """Give the lock back. A process that was forked meanwhile does not keep it."""
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)


@contextlib.contextmanager
def alone(folder: Path, timeout_s: float = 60.0) -> Iterator[bool]:
    """Be the only one who changes a folder's files.

    Args:
        folder: The folder.
        timeout_s: How long to wait for others.

    Yields:
        Whether that is certain: a network file system, or one without locks, excludes nobody.

    Raises:
        LockedError: Others did not finish in time.
        OSError: The folder can't be opened.
    """
    if network_mount(folder) is not None:
        yield False
        return
    lock = FolderLock(folder)
    try:
        deadline = time.monotonic() + timeout_s
        while (taken := lock.take()) is False:
            if time.monotonic() >= deadline:
                raise LockedError(
                    f"another process has been saving to {folder} for {timeout_s:g} s",
                    hint="see what it does: lsof +d FOLDER",
                )
            time.sleep(_PAUSE_S)
        yield taken is True
    finally:
        lock.close()
