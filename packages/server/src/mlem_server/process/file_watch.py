"""Files that are read again when they change: tokens, certificates. An unusable file leaves the old content in use."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from mlem_model.errors import MlemError

log = logging.getLogger("mlem.server")

_LOOK_S = 1.0
"""Seconds between two checks of the files: one ``stat`` each."""

Signature = tuple[tuple[int, ...] | None, ...]


class FileWatch:
    """Some files, and what is done when they change.

    Args:
        what: What the files have, for the log: ``tokens``.
        files: The files. A link is followed: Kubernetes swaps one to change a mounted secret.
        read: Reads the files, puts their content in use, and says whether it is new. It raises `MlemError` where they
            can't be used, and then leaves what is in use.
        polled: Whether `look` looks at all; `reload` always does.
    """

    def __init__(self, what: str, files: Sequence[Path], read: Callable[[], bool], *, polled: bool = True) -> None:
        self._polled = polled
        self._what = what
        self._files = tuple(files)
        self._read = read
        # no signature yet: a change between the first reading and the first look is noticed too
        self._seen: Signature = ()

    def look(self) -> None:
        """Read the files if they have changed since they were read."""
        if self._polled and self._signature() != self._seen:
            self.reload()

    def reload(self) -> None:
        """Read the files; an unusable one is logged once for each change."""
        self._seen = self._signature()  # before reading them, so that a write in the meantime counts as a change
        try:
            if self._read():
                log.info("%s were read again from %s", self._what, self._names())
        except MlemError as error:
            log.error("%s in use stay as they were: %s", self._what, error.message)

    def _names(self) -> str:
        return " and ".join(map(str, self._files))

    def _signature(self) -> Signature:
        return tuple(_signature(file) for file in self._files)


class FileWatches:
    """All files that a server reads again."""

    def __init__(self) -> None:
        self._all: list[FileWatch] = []
        self._next_look = 0.0

    def add(self, watch: FileWatch | None) -> None:
        """Watch more files, where there are any."""
        if watch is not None:
            self._all.append(watch)

    def look(self) -> None:
        """Look at the files, at most once a second."""
        if self._all and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_S
            for watch in self._all:
                watch.look()

    def reload(self) -> None:
        """Read all files at once, whether they have changed or not."""
        for watch in self._all:
            watch.reload()


def _signature(file: Path) -> tuple[int, ...] | None:
    """Return what differs between two contents of a file; None where it is not there."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
