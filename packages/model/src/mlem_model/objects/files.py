"""Whole-file writes: a reader sees the old content or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mlem_model.errors import ConflictError, NotFoundError, PlatformError, UserError
from mlem_model.objects.fetched_later import fetch_hint


def write_atomic(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Replace a file's content in one step that survives a kill and a power cut.

    Args:
        path: The file; its folder is made when absent.
        data: The new content.
        mode: Permission bits of a new file, less the process's umask; an existing file keeps its own.

    Raises:
        UserError: The folder can't be written.
        PlatformError: The disk is full, or failed.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = _temporary(path, mode)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                with contextlib.suppress(FileNotFoundError):
                    os.fchmod(file.fileno(), path.stat().st_mode & 0o777)
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            raise
        sync_folder(path.parent)
    except OSError as error:
        raise unusable(path, error, "write") from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Write a file of any length: it is replaced when the context ends well, and stays as it is when it does not.

    Args:
        path: The file; its folder is made when absent.

    Raises:
        OSError: It can't be written; `unusable` translates that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = _temporary(path, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _temporary(path: Path, mode: int) -> tuple[int, str]:
    """Open a new file beside another.

    The kernel applies the umask to its mode: reading the umask would change it for all threads.
    """
    temporary = str(path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp"))
    return os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), temporary


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, as ``fsync`` makes a file's content."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unusable(
    path: Path | str, error: OSError, action: str
) -> UserError | NotFoundError | PlatformError | ConflictError:
    """Translate what the operating system said about a file.

    Args:
        path: The file or folder.
        error: The operating system's error.
        action: The verb for the message: ``read``, ``write``, ``lock``.

    Returns:
        The error to raise, with the next step.
    """
    where = error.filename or path
    if isinstance(error, FileNotFoundError):
        return NotFoundError(f"can't {action} {path}: {where} does not exist", hint=fetch_hint(path))
    if isinstance(error, PermissionError) or error.errno in {30}:  # 30: EROFS, a file system mounted read-only
        return UserError(
            f"can't {action} {path}: {error.strerror or error}",
            code="permission-denied",
            hint=f"check the owner and the permissions: ls -ld {Path(str(path)).parent}",
        )
    if isinstance(error, IsADirectoryError | NotADirectoryError | FileExistsError):
        return UserError(f"can't {action} {path}: {error.strerror}", code="not-a-file")
    if error.errno == 28:  # ENOSPC
        return PlatformError(
            f"can't {action} {path}: no space left on the disk",
            code="disk-full",
            hint="free some space, then repeat the command",
        )
    return PlatformError(f"can't {action} {path}: {error.strerror or error}")


def shown(path: Path) -> str:
    """Return a path as a person in the current folder would write it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
