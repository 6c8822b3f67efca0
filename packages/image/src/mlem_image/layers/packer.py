"""`Packer`: compresses a stream in blocks, on all processors, to the same bytes on every machine.

Each block is a member of its own of the gzip file, which RFC 1952 allows (section 2.2). The output of libdeflate
depends on its version alone, and the package that brings it is pinned; that of zlib and of its successors differs
between systems, and that of ISA-L between processors. Sources: https://github.com/ebiggers/libdeflate/issues/400,
https://github.com/intel/isa-l/issues/140 (read 2026-11).
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import deflate

BLOCK_BYTES = 4 * 2**20
LEVEL = 1
"""Higher ones take twice the time for a twentieth less."""
_AHEAD = 4


class Packer:
    """Takes the parts of a stream, and hands on what they become.

    Args:
        write: Takes the compressed bytes, in order.
    """

    def __init__(self, write: Callable[[bytes], Any]) -> None:
        self._write = write
        self._plain, self._packed = hashlib.sha256(), hashlib.sha256()
        self._block = bytearray()
        self._threads = ThreadPoolExecutor(min(4, os.cpu_count() or 1), "mlem-packer")
        self._under_way: deque[Future[bytearray]] = deque()
        self.plain_bytes = self.packed_bytes = 0

    def add(self, data: bytes) -> None:
        """Take the next part."""
        self._plain.update(data)
        self.plain_bytes += len(data)
        self._block += data
        while len(self._block) >= BLOCK_BYTES:
            self._pack(bytes(self._block[:BLOCK_BYTES]))
            del self._block[:BLOCK_BYTES]

    def finish(self) -> tuple[str, str]:
        """Hand on the rest; return the digest of the stream, and that of what it became, as ``sha256:...``."""
        if self._block or not self.plain_bytes:
            self._pack(bytes(self._block))
        while self._under_way:
            self._hand_on()
        return f"sha256:{self._plain.hexdigest()}", f"sha256:{self._packed.hexdigest()}"

    def close(self) -> None:
        """Give up what is under way."""
        self._threads.shutdown(cancel_futures=True)

    def _pack(self, block: bytes) -> None:
        self._under_way.append(self._threads.submit(deflate.gzip_compress, block, LEVEL))
        if len(self._under_way) > _AHEAD:
            self._hand_on()

    def _hand_on(self) -> None:
        packed = bytes(self._under_way.popleft().result())
        self._packed.update(packed)
        self.packed_bytes += len(packed)
        self._write(packed)
