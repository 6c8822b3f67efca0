"""`Layer`: a finished layer, in the cache or in a registry; and how one is made."""

from __future__ import annotations

import contextlib
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Self

from mlem import MlemError
from mlem_image.cache.cache import Cache
from mlem_image.layers.entry import Entry, with_folders
from mlem_image.layers.packer import Packer

MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
"""Source: https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md (read 2026-11)."""
FORMAT = 1
"""Part of each key: a change of how layers are made makes other ones."""
_CHUNK_BYTES = 2**20


@dataclass(frozen=True)
class Layer:
    """A layer.

    Attributes:
        digest: SHA-256 of the packed layer, ``sha256:...``.
        diff_id: That of the archive in it.
        size_bytes: The packed layer's length.
        plain_bytes: The archive's.
        what: What is in it, for people.
        media_type: How it is packed.
    """

    digest: str
    diff_id: str
    size_bytes: int
    plain_bytes: int
    what: str
    media_type: str = MEDIA_TYPE

    @classmethod
    def known(cls, cache: Cache, key: str) -> Self | None:
        """Return a layer that was made before and is there; None where it has to be made."""
        found: Any = cache.fact("layer", f"{FORMAT}/{key}")
        try:
            layer = cls(**found)
        except TypeError:
            return None
        return layer if cache.blob(layer.digest, layer.size_bytes) is not None else None

    @classmethod
    def make(cls, cache: Cache, key: str, what: str, entries: Iterable[Entry]) -> Self:
        """Make a layer, and keep it.

        Args:
            cache: Where.
            key: What tells it from others: all that it depends on.
            what: What is in it, for people.
            entries: Its files, in an order that depends on them alone.

        Raises:
            MlemError: It can't be written, or one of the files can't be read.
        """
        with cache.writing() as file, contextlib.closing(Packer(file.write)) as packer:
            for entry in with_folders(entries):
                _add(packer, entry)
            packer.add(bytes(2 * tarfile.BLOCKSIZE))
            diff_id, digest = packer.finish()
            cache.keep(file, digest)
            layer = cls(digest, diff_id, packer.packed_bytes, packer.plain_bytes, what)
        cache.note("layer", f"{FORMAT}/{key}", asdict(layer))
        return layer


def _add(packer: Packer, entry: Entry) -> None:
    packer.add(entry.to_tar().tobuf(tarfile.PAX_FORMAT))
    if entry.open is None:
        return
    left = entry.size_bytes
    for chunk in _read(entry):
        packer.add(chunk)
        left -= len(chunk)
    if left:
        raise MlemError(f"{entry.path} changed while it was read", hint="repeat the command")
    packer.add(bytes(-entry.size_bytes % tarfile.BLOCKSIZE))


def _read(entry: Entry) -> Iterator[bytes]:
    if entry.open is None:
        return
    try:
        with entry.open() as file:
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise MlemError(f"can't read {entry.path}: {error}", hint="repeat the command") from error
