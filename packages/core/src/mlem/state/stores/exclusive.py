"""Exclusive creation on fsspec file systems: which can do it, and how."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any, Protocol

from mlem.state.stores.fsspec_errors import translated
from mlem_model.errors import PluginError


class Create(Protocol):
    """Makes a file that is whole from the first moment, and fails when there is one."""

    def __call__(self, path: str, data: bytes) -> bool:
        """Return whether the file was made; False when there was one already."""


def exclusive_creation(fs: Any, *, unsafe: bool) -> Create:
    """Choose how to create files exclusively.

    Args:
        fs: The fsspec file system.
        unsafe: Whether a file system that can't is used all the same.

    Raises:
        PluginError: The file system is not known to be able to.
    """
    protocols = {fs.protocol} if isinstance(fs.protocol, str) else set(fs.protocol)
    if protocols & {"file", "local"}:
        return _link
    if "memory" in protocols:
        return _InMemory(fs)
    if protocols & set(_KNOWN):
        return _InCreateMode(fs)
    if unsafe:
        return _LookFirst(fs)
    raise PluginError(
        f"the file system {type(fs).__name__} is not known to create files exclusively: "
        "two runs could both take a lock",
        code="unsafe-store",
        known=["file", "memory", *sorted(_KNOWN)],
        hint="keep states elsewhere; or, when only one machine ever deploys: "
        "mlem config set core.state.uri URI --unsafe",
    )


_KNOWN = ("s3", "s3a", "gs", "gcs", "abfs", "abfss", "az")
"""Whose `pipe_file(mode="create")` is exclusive, and answers ``FileExistsError``.

Source: gcsfs 2026.10.1 ``core.py`` (simple_upload: ifGenerationMatch=0) and ``retry.py`` (412); adlfs 2026.8.0
``spec.py`` (_pipe_file: overwrite=False); s3fs 2026.9.0 ``core.py`` (If-None-Match), read 2026-11. `mlem config set`
tries them out.
"""


def _link(path: str, data: bytes) -> bool:
    """Write a whole file under another name, and give it the wanted one: a hard link fails when the name is taken."""
    temporary = f"{path}.{os.getpid()}.{os.urandom(4).hex()}.tmp"
    with translated(path, "write"):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            try:
                os.link(temporary, path)
            except FileExistsError:
                return False
            folder = os.open(os.path.dirname(path), os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
    return True


_MEMORY_LOCK = threading.Lock()


class _InMemory:
    """The threads of this process: nobody else sees its memory."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def __call__(self, path: str, data: bytes) -> bool:
        with _MEMORY_LOCK:
            if self._fs.exists(path):
                return False
            self._fs.pipe_file(path, data)
            return True


class _InCreateMode:
    """Asks the file system, as fsspec describes it."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def __call__(self, path: str, data: bytes) -> bool:
        try:
            with translated(path, "write"):
                self._fs.pipe_file(path, data, mode="create")
        except FileExistsError:
            return False
        return True


class _LookFirst:
    """Looks, then writes: excludes nobody who looks at the same moment."""

    def __init__(self, fs: Any) -> None:
        self._fs = fs

    def __call__(self, path: str, data: bytes) -> bool:
        with translated(path, "write"):
            if self._fs.exists(path):
                return False
            self._fs.makedirs(path.rpartition("/")[0], exist_ok=True)
            self._fs.pipe_file(path, data)
            return True
