"""Reading an answer from a connection: its head, and the whole of its body."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from mlem.clients.connection.answer import Answer
from mlem.clients.connection.deadline import Deadline
from mlem.clients.course import Course

if TYPE_CHECKING:
    from mlem.clients.connection.stream import Stream
    from mlem.clients.connection.stream_async import AsyncStream

CHUNK_BYTES = 65536
BLOCK_BYTES = 1 << 26
"""Memory for a long body is taken in blocks; the system gives only as much of one as has been written to."""


def head(stream: Stream | AsyncStream, answer: Answer, deadline: Deadline) -> Course[None]:
    """Read the head of an answer.

    Raises:
        OSError: There is none, or not in time.
    """
    while not answer.headed:
        answer.feed((yield partial(stream.read, CHUNK_BYTES, deadline)))


def body(stream: Stream | AsyncStream, answer: Answer, deadline: Deadline) -> Course[bytes | bytearray]:
    """Read the body of an answer.

    Raises:
        OSError: It is cut short, or does not come in time.
        TooLargeError: It is larger than the answer may be.
    """
    missing_bytes = answer.missing_bytes()
    answer.expect_room(missing_bytes)
    if missing_bytes > CHUNK_BYTES:
        found: bytes | bytearray = yield from _long(stream, answer.take(), missing_bytes, deadline)
        return found
    while not answer.complete:
        answer.feed((yield partial(stream.read, CHUNK_BYTES, deadline)))
    return answer.take()


def _long(
    stream: Stream | AsyncStream, begun: bytes, missing_bytes: int, deadline: Deadline
) -> Course[bytes | bytearray]:
    """Read the rest of a body into the memory that it stays in."""
    blocks = [bytearray(min(len(begun) + missing_bytes, BLOCK_BYTES))]
    blocks[0][: len(begun)] = begun
    filled = len(begun)
    while missing_bytes:
        if filled == len(blocks[-1]):
            blocks.append(bytearray(min(missing_bytes, BLOCK_BYTES)))
            filled = 0
        count = yield partial(stream.read_into, memoryview(blocks[-1])[filled:], deadline)
        if not count:
            raise ConnectionError("the server closed it before the end of its answer")
        filled += count
        missing_bytes -= count
    return blocks[0] if len(blocks) == 1 else b"".join(blocks)
