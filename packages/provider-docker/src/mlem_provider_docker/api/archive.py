"""Files that an Engine hands out, as a tar archive: read with a limit, and in memory alone."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable

from mlem import PlatformError


def read_at_most(chunks: Iterable[bytes], most_bytes: int, what: str) -> bytes:
    """Put chunks together.

    Args:
        chunks: They.
        most_bytes: What they may have together.
        what: What was asked for, for the message.

    Raises:
        PlatformError: There is more.
    """
    found = bytearray()
    for chunk in chunks:
        found += chunk
        if len(found) > most_bytes:
            raise PlatformError(f"could not {what}: it is larger than {most_bytes / 2**20:g} MiB")
    return bytes(found)


def files_in(archive: bytes) -> dict[str, bytes]:
    """Return the content of each file of a folder by its name alone; what is not a plain file is left out."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        plain = [(member, members.extractfile(member)) for member in members.getmembers() if member.isfile()]
        return {member.name.rpartition("/")[2]: file.read() for member, file in plain if file is not None}
