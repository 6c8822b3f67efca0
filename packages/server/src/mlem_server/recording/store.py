"""`Store`: where recorded calls are written: compressed files in a folder, or behind a URL."""

from __future__ import annotations

import gzip
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from mlem_model.objects.file_systems import file_system, translated


class Store:
    """A folder of recorded calls. Each file is written once, as a whole: any file system will do, S3 too.

    Args:
        address: A path, or a URL that fsspec knows.

    Raises:
        MlemError: It can't be written to.
    """

    def __init__(self, address: str) -> None:
        self._address = address if "://" in address else str(Path(address).absolute())
        self._files, self._root = file_system(self._address)
        probe = f"{self._root}/.mlem-{secrets.token_hex(8)}"
        with translated(self._address, "write to"):  # who may not write here should learn it at the start
            self._make(self._root)
            self._files.pipe_file(probe, b"mlem")
            self._files.rm_file(probe)

    def write(self, lines: Sequence[bytes]) -> int:
        """Write a file; its name tells when, and no reader sees a part of it.

        Args:
            lines: Its lines.

        Returns:
            Its size in bytes.

        Raises:
            MlemError: It can't be written.
        """
        now = datetime.now(UTC)
        folder = f"{self._root}/{now:%Y-%m-%d}"
        content = gzip.compress(b"".join(lines), compresslevel=6)
        name = f"{now:%H%M%S}-{secrets.token_hex(4)}.jsonl.gz"
        with translated(self._address, "write to"):
            self._make(folder)
            if "://" in self._address:
                self._files.pipe_file(f"{folder}/{name}", content)
            else:
                self._files.pipe_file(f"{folder}/.{name}", content)
                self._files.mv(f"{folder}/.{name}", f"{folder}/{name}")
        return len(content)

    def _make(self, folder: str) -> None:
        """Make a folder below what is there; never a bucket, which somebody pays for and others may read."""
        top = folder.partition("/")[0] or "/"
        if not self._files.exists(top):
            raise FileNotFoundError(f"{top} does not exist")
        self._files.makedirs(folder, exist_ok=True)
