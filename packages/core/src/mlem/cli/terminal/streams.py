"""Standard streams whose failure does not matter: a reader that is gone, a full disk, a closed terminal.

A line that can't be written is dropped, and the work continues with its own exit code. Whether part of a result was
lost can be asked.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO


class _Output(io.FileIO):
    """A file descriptor that accepts everything, and remembers what could not be written."""

    lost: OSError | None = None

    def write(self, data: Any) -> int:
        """Write what can be written, and report that all was."""
        if self.lost is None:
            try:
                return super().write(data) or 0
            except OSError as error:
                self.lost = error
        return memoryview(data).nbytes


def steady() -> None:
    """Replace stdout and stderr by streams that never raise, and open those that are closed.

    A closed descriptor would be reused for the next file, such as a state, which would get our error messages.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    sys.stdout = _steady(sys.stdout, 1)
    sys.stderr = _steady(sys.stderr, 2)


def _steady(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is not None and _descriptor(stream) != descriptor:
        return stream  # replaced by a program, as in a test or a notebook
    encoding, errors = (stream.encoding, stream.errors) if stream is not None else ("utf-8", "backslashreplace")
    if stream is not None:
        stream.flush()
    output = _Output(descriptor, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(output), encoding=encoding, errors=errors, line_buffering=descriptor == 2 or output.isatty()
    )


def _descriptor(stream: TextIO) -> int | None:
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def lost(stream: TextIO) -> OSError | None:
    """Return why part of a stream was lost; None when nothing was, as far as is known."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw.lost if isinstance(raw, _Output) else None


def reader_is_gone() -> bool:
    """Whether nobody reads what is printed any more, as behind ``mlem ... | head``."""
    error = lost(sys.stdout)
    return error is not None and error.errno in (errno.EPIPE, errno.EIO)
