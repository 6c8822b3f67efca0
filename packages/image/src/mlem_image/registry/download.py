"""Downloads of blobs, which go on where a connection was cut."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any

from mlem import ConflictError, PlatformError
from mlem_image.registry.attempts import Interrupted
from mlem_image.registry.content import Moved
from mlem_image.registry.http import Connection

_CHUNK_BYTES = 2**16
"""So much is lost at most where a connection is cut."""
_RANGE = re.compile(r"bytes (\d+)-", re.ASCII)


def download(
    connection: Connection, path: str, digest: str, size_bytes: int, what: str, scope: str, moved: Moved
) -> Iterator[bytes]:
    """Yield the content of a blob.

    Args:
        connection: To the registry.
        path: The blob's path.
        digest: Its digest.
        size_bytes: Its size, or the most that it may have.
        what: What it is for, in messages.
        scope: What the token has to allow.
        moved: Called with the size of each part.

    Raises:
        ConflictError: It has another digest, or is longer.
        MlemError: The registry refuses, or does not answer.
    """
    found, offset, attempts = hashlib.sha256(), 0, connection.attempts()
    while True:
        headers, expect = ({"Range": f"bytes={offset}-"}, (200, 206, 416)) if offset else ({}, (200,))
        try:
            with connection.answer("GET", path, what, scope=scope, headers=headers, expect=expect) as answer:
                for chunk in _after(answer, offset, what):
                    offset += len(chunk)
                    if offset > size_bytes:
                        raise ConflictError(f"{what}: it is longer than it says", code="hashes-differ")
                    found.update(chunk)
                    moved(len(chunk))
                    yield chunk
                    attempts.moved_on()
            break
        except Interrupted as cause:
            attempts.failed(cause)
    if f"sha256:{found.hexdigest()}" != digest:
        raise ConflictError(f"{what}: {digest} has another content", code="hashes-differ")


def _after(answer: Any, offset: int, what: str) -> Iterator[bytes]:
    """Yield what comes after the part that is there; some registries send everything again."""
    if answer.status == 416:  # everything is there: the connection was cut at the very end
        return
    first = 0
    if answer.status == 206:
        said = _RANGE.match(answer.headers.get("content-range", ""))
        first = int(said[1]) if said else offset
    if first > offset:
        raise PlatformError(f"can't {what}: the registry sends another part than it was asked for", code="registry")
    skipped = offset - first
    while chunk := answer.read(_CHUNK_BYTES):
        if skipped < len(chunk):
            yield chunk[skipped:]
        skipped = max(0, skipped - len(chunk))
