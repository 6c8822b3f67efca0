"""Unpacks Parquet files and compressed Arrow streams in a process that the system stops when it takes too much memory.

Only unpacking shows how large such a file becomes: sizes inside it may be false, and a few bytes may stand for a
billion rows. Questions come on standard input, and answers go to standard output, each after its header; see
`Question` and `answer`. The process ends with its input.
"""

from __future__ import annotations

import contextlib
import os
import signal
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import pyarrow

QUESTION = struct.Struct("<BQQ")
"""A question's header: the kind, how large the result may become, and the size of the file; both in bytes."""
ANSWER = struct.Struct("<BQ")
"""An answer's header: a word of `UNPACKED`..., and the size of the Arrow stream after it."""
PARQUET, ARROW = 0, 1
UNPACKED, TOO_LARGE, DAMAGED, MISSING, UNUSABLE = range(5)
_SLACK_BYTES = 192 * 2**20
"""What reading takes in addition to the table and the file: decompressors, one row group's buffers."""


def main() -> None:
    """Answer questions until there are none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, and this process ends with it
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get into the answers
    while len(head := questions.read(QUESTION.size)) == QUESTION.size:
        kind, most_bytes, size = QUESTION.unpack(head)
        word, content = _answer(kind, most_bytes, questions, size, answers)
        if word != UNPACKED:
            answers.write(ANSWER.pack(word, len(content)))
            answers.write(content)
            answers.flush()
            return  # the next file gets a new process with fresh memory
        answers.flush()


def _answer(kind: int, most_bytes: int, questions: BinaryIO, size: int, answers: BinaryIO) -> tuple[int, bytes]:
    """Answer a question: a table is written to the answers, and whatever else is to be said is returned."""
    try:
        import pyarrow as pa
    except ImportError:
        questions.read(size)
        return MISSING, b""
    from mlem_model.data.formats.arrow_bounds import check_table
    from mlem_model.errors import UserError

    pa.set_cpu_count(1)
    content = questions.read(size)
    try:
        with _bounded(2 * most_bytes + size + _SLACK_BYTES):
            table = _parquet(content, most_bytes) if kind == PARQUET else _arrow(content)
            check_table(table, most_bytes)
            if table.nbytes > most_bytes or table.num_rows * max(1, table.num_columns) * 8 > most_bytes:
                return TOO_LARGE, b""
            counted = pa.MockOutputStream()
            _write(counted, table)
            answers.write(ANSWER.pack(UNPACKED, counted.size()))
            _write(answers, table)
            return UNPACKED, b""
    except MemoryError:
        return TOO_LARGE, b""
    except UserError as error:
        return (TOO_LARGE, b"") if error.code == "unfolds-too-large" else (UNUSABLE, error.message.encode())
    except Exception as error:
        return DAMAGED, " ".join(str(error).split())[:300].encode("utf-8", "replace")


def _write(sink: Any, table: pyarrow.Table) -> None:
    import pyarrow as pa

    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)


def _parquet(content: bytes, most_bytes: int) -> pyarrow.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(content))
    texts = [
        field.name for field in file.schema_arrow if pa.types.is_string(field.type) or pa.types.is_binary(field.type)
    ]
    rows = sum(file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups))
    if rows * max(1, file.metadata.num_columns) * 8 > most_bytes:
        raise MemoryError
    # repeated texts stay in their dictionary until their total size is known
    return pq.ParquetFile(pa.BufferReader(content), read_dictionary=texts).read(use_threads=False)


def _arrow(content: bytes) -> pyarrow.Table:
    import pyarrow as pa

    with pa.ipc.open_stream(pa.py_buffer(content), options=pa.ipc.IpcReadOptions(use_threads=False)) as reader:
        return reader.read_all()


@contextlib.contextmanager
def _bounded(more_bytes: int) -> Iterator[None]:
    """Limit the memory that the process may take in addition; no limit where the system can't say how much it has."""
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        most = pages * resource.getpagesize() + more_bytes
        resource.setrlimit(resource.RLIMIT_AS, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
    except (ImportError, OSError, ValueError):
        yield
        return
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


if __name__ == "__main__":
    main()
