"""`Streams`: the standard streams of a command that is run where a model is served."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, TextIO, cast

from mlem_model.interrupts import Terminated

_LOOK_MS = 100
_CHUNK_BYTES = 65536


@dataclass(frozen=True)
class Streams:
    """The standard streams of a command: bytes, passed on as they are.

    Attributes:
        stdin: What it reads; None for nothing.
        stdout: What gets its output.
        stderr: What gets its errors; with a terminal they come with the output.
        tty: Whether it gets a terminal of its own.
    """

    stdin: BinaryIO | None
    stdout: BinaryIO
    stderr: BinaryIO
    tty: bool = False

    def chunks(self, ended: threading.Event) -> Iterator[bytes]:
        """Yield what comes from stdin, until its end or that of the command.

        Args:
            ended: Set when the command has ended: nothing more is taken from who types.
        """
        if self.stdin is None:
            return
        descriptor = descriptor_of(self.stdin)
        poll = select.poll()
        if descriptor is not None:
            poll.register(descriptor, select.POLLIN)
        while not ended.is_set():
            if descriptor is None:
                data = self.stdin.read(_CHUNK_BYTES)
            elif poll.poll(_LOOK_MS):
                data = os.read(descriptor, _CHUNK_BYTES)
            else:
                continue
            if not data:
                return
            yield data

    def write_output(self, data: bytes) -> None:
        """Write a part of the output."""
        _write(self.stdout, data)

    def write_errors(self, data: bytes) -> None:
        """Write a part of the errors."""
        _write(self.stderr, data)

    @contextlib.contextmanager
    def raw(self, resized: Callable[[int, int], None]) -> Iterator[None]:
        """Pass every key on, Ctrl-C too, as long as the context lasts; without a terminal do nothing.

        Args:
            resized: Called with the terminal's rows and columns: at first, and when they change.
        """
        descriptor = descriptor_of(self.stdin) if self.tty and self.stdin is not None else None
        if descriptor is None or not os.isatty(descriptor):
            yield
            return
        import termios
        import tty

        def tell(*_signal: object) -> None:
            size = os.get_terminal_size(descriptor)
            resized(size.lines, size.columns)

        before = termios.tcgetattr(descriptor)
        in_main = threading.current_thread() is threading.main_thread()
        handler = signal.signal(signal.SIGWINCH, tell) if in_main else None
        try:
            tell()
            tty.setraw(descriptor, termios.TCSADRAIN)  # what was typed ahead counts
            yield
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
            if in_main:
                signal.signal(signal.SIGWINCH, handler)


class _AsText(io.RawIOBase):
    """Takes bytes for a stream that takes text alone, such as that of a notebook."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._text.write(self._decoder.decode(bytes(data)))
        return memoryview(data).nbytes


def bytes_of(text: TextIO) -> BinaryIO:
    """Return what takes the bytes of a standard stream."""
    return getattr(text, "buffer", None) or cast("BinaryIO", _AsText(text))


def descriptor_of(stream: BinaryIO) -> int | None:
    """Return the file descriptor of a stream; None where it is in memory."""
    try:
        return stream.fileno()
    except (OSError, ValueError, AttributeError):
        return None


def _write(stream: BinaryIO, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[stream.write(view) or 0 :]
        stream.flush()
    except BrokenPipeError:  # as the signal that ends a command in a pipeline whose reader has seen enough
        raise Terminated(128 + signal.SIGPIPE) from None
