"""`Unpacker`: tables from Parquet and Arrow that a caller sent, of bounded size; see `unpacker_process` for how."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import time
from typing import IO, TYPE_CHECKING

from mlem_model.data.formats.arrow_bounds import check_stream, check_table, too_large
from mlem_model.errors import UserError
from mlem_server.decoding.unpacker_process import (
    ANSWER,
    ARROW,
    DAMAGED,
    MISSING,
    PARQUET,
    QUESTION,
    TOO_LARGE,
    UNPACKED,
)
from mlem_server.process.memory import share_it_with_arrow

if TYPE_CHECKING:
    import pyarrow

_WORDS = {PARQUET: "Parquet", ARROW: "Arrow"}


class Unpacker:
    """Reads tables. One is unpacked at a time.

    Args:
        most_bytes: How large a table may become.
        timeout_s: How many seconds unpacking may take.

    Attributes:
        arrow: Reads a stream of Arrow.
    """

    def __init__(self, most_bytes: int, timeout_s: float) -> None:
        self.arrow = ArrowReader(self, most_bytes)
        self._most_bytes = most_bytes
        self._timeout_s = timeout_s
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def parquet(self, body: bytes | bytearray) -> pyarrow.Table:
        """Read a file of Parquet.

        Raises:
            UserError: It is not Parquet, or would become too large.
        """
        return _table(self._unpacked(PARQUET, body))

    def unpacked_arrow(self, body: bytes | bytearray) -> pyarrow.Table:
        """Read a stream of Arrow that is compressed.

        Raises:
            UserError: It is not Arrow, or would become too large.
        """
        return _table(self._unpacked(ARROW, body))  # the process has checked it

    def close(self) -> None:
        """End the process; its current work is of no use any more."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    def _unpacked(self, kind: int, body: bytes | bytearray) -> bytearray:
        with self._lock:
            try:
                word, content = self._ask(kind, body)
            except OSError:  # it was killed, by the system for its memory, or by a fault in a library
                word, content = TOO_LARGE, bytearray()
            if word != UNPACKED:
                self.close()
        if word == UNPACKED:
            return content
        if word == TOO_LARGE:
            raise too_large(self._most_bytes, "or it can't be read in the memory that this takes")
        if word == MISSING:
            raise UserError(f"reading {_WORDS[kind]} needs pyarrow, which is not installed", code="not-installed")
        said = content.decode("utf-8", "replace")
        raise UserError(f"the body is not valid {_WORDS[kind]}: {said}" if word == DAMAGED else said, code="bad-format")

    def _ask(self, kind: int, body: bytes | bytearray) -> tuple[int, bytearray]:
        """Ask the process.

        Raises:
            OSError: It is gone, or took too long.
        """
        process = self._process
        if process is None or process.poll() is not None:
            process = self._process = self._started()
        stdin, stdout = process.stdin, process.stdout
        if stdin is None or stdout is None:
            raise AssertionError("it was started with pipes")
        stdin.write(QUESTION.pack(kind, self._most_bytes, len(body)))
        stdin.write(body)
        stdin.flush()
        until = time.monotonic() + self._timeout_s
        word, size = ANSWER.unpack(_read(stdout, ANSWER.size, until))
        return word, _read(stdout, size, until)

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "mlem_server.decoding.unpacker_process"]
        # this allocator returns memory to the system, and fails when there is no more
        environment = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"}
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)  # noqa: S603  # fixed


class ArrowReader:
    """Reads streams of Arrow of bounded size; see `mlem_model.data.formats.arrow.values.ReadArrow`.

    Args:
        unpacker: Reads what is compressed.
        most_bytes: How large a table may become.

    Attributes:
        most_bytes: The same.
    """

    def __init__(self, unpacker: Unpacker, most_bytes: float) -> None:
        self.most_bytes = most_bytes
        self._unpacker = unpacker

    def __call__(self, body: bytes | bytearray) -> pyarrow.Table:
        """Return the table of a stream.

        Raises:
            UserError: It would become too large.
            Exception: What pyarrow raises on damaged streams.
        """
        if check_stream(body, self.most_bytes):
            return self._unpacker.unpacked_arrow(body)
        table = _table(body)
        check_table(table, self.most_bytes, lists=True)
        return table


def _table(stream: bytes | bytearray) -> pyarrow.Table:
    import pyarrow as pa  # late: where it lacks, the process has said so

    share_it_with_arrow()
    with pa.ipc.open_stream(pa.py_buffer(stream)) as reader:
        return reader.read_all()


def _read(pipe: IO[bytes], size: int, until: float) -> bytearray:
    """Read so many bytes.

    Raises:
        OSError: There are fewer, or they take too long.
    """
    content = bytearray()
    while len(content) < size:
        if not select.select([pipe], [], [], max(0.0, until - time.monotonic()))[0]:
            raise TimeoutError("it took too long")
        part = os.read(pipe.fileno(), min(size - len(content), 1 << 20))
        if not part:
            raise ConnectionError("it is gone")
        content += part
    return content
