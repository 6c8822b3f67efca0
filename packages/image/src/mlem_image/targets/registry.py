"""Pushing an image to a registry: what it has is not sent again, and the base image's layers pass through."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor, as_completed
from typing import IO

from mlem import ConflictError
from mlem.provider import size_in_words
from mlem_image.base.base_image import BlobOf, Source
from mlem_image.cache.cache import Cache
from mlem_image.images.image import Image
from mlem_image.layers.layer import Layer
from mlem_image.registry.content import from_file
from mlem_image.registry.repository import DOCKER_MANIFEST, MANIFEST, Repository

Report = Callable[[str], None]
_AT_ONCE = 3
_STEPS = 20
"""So many times at most the bytes are told of."""


def push(
    image: Image,
    cache: Cache,
    repository: Repository,
    tag: str,
    report: Report,
    guard: Callable[[], None] = lambda: None,
    *,
    docker: bool = False,
) -> str:
    """Push an image; its name appears in the registry at the very end.

    Args:
        image: The image.
        cache: Where its layers are.
        repository: Where to.
        tag: Its tag.
        report: Called with lines of progress.
        guard: Called before each action; what it raises ends the work.
        docker: Whether its manifest has docker's older form.

    Returns:
        The digest of its manifest there.

    Raises:
        MlemError: The registry refuses, or does not answer.
    """
    send(image.all_layers, image.base.repository, cache, repository, report, guard)
    guard()
    repository.push(image.config_digest, len(image.config), lambda offset: _from(image.config, offset), _ignore)
    if docker:
        return repository.push_manifest(tag, DOCKER_MANIFEST, image.docker_manifest)
    return repository.push_manifest(tag, MANIFEST, image.manifest)


def send(
    blobs: Sequence[BlobOf | Layer],
    source: Source,
    cache: Cache,
    repository: Repository,
    report: Report,
    guard: Callable[[], None],
) -> None:
    """Send blobs to a repository that lacks them.

    Args:
        blobs: The blobs.
        source: Where those are that are not in the cache.
        cache: Where the others are; what passes through stays there.
        repository: Where to.
        report: Called with lines of progress.
        guard: Called before each action; what it raises ends the work.

    Raises:
        MlemError: A registry refuses, or does not answer.
    """
    unique = list({blob.digest: blob for blob in blobs}.values())
    with ThreadPoolExecutor(_AT_ONCE, "mlem-push") as threads:
        missing = [
            blob
            for blob, there in zip(unique, threads.map(lambda blob: repository.has(blob.digest), unique), strict=True)
            if not there
        ]
        missing = [blob for blob in missing if not _mounted(blob, source, repository)]
        progress = _Progress(sum(blob.size_bytes for blob in missing), report)
        report(f"pushing {len(missing)} of {len(unique)} layers ({size_in_words(progress.whole)})")
        sent = [threads.submit(_push, blob, source, cache, repository, progress.moved) for blob in missing]
        try:
            for done in as_completed(sent):
                done.result()
                guard()
        except BaseException:  # the user need not wait for what is sent in vain
            progress.stop()
            threads.shutdown(wait=False, cancel_futures=True)
            raise


def _mounted(blob: BlobOf | Layer, source: Source, repository: Repository) -> bool:
    """Whether a layer could be taken from another repository of the same registry."""
    return isinstance(blob, BlobOf) and source.host == repository.host and repository.mount(blob.digest, source.name)


def _push(
    blob: BlobOf | Layer, source: Source, cache: Cache, repository: Repository, moved: Callable[[int], None]
) -> None:
    path = cache.blob(blob.digest, blob.size_bytes)
    if path is None and isinstance(blob, BlobOf):
        with cache.writing() as file:
            for part in source.stream(blob.digest, blob.size_bytes, lambda _bytes: moved(0)):
                file.write(part)
            path = cache.keep(file, blob.digest)
    if path is None:
        raise ConflictError("a layer was removed from the cache while it was used", hint="repeat the command")
    repository.push(blob.digest, blob.size_bytes, from_file(path), moved)


def _from(content: bytes, offset: int) -> IO[bytes]:
    return io.BytesIO(content[offset:])


def _ignore(_bytes: int) -> None:
    pass


class _Progress:
    def __init__(self, whole: int, report: Report) -> None:
        self.whole = whole
        self._report = report
        self._lock = threading.Lock()
        self._moved = self._told = 0
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def moved(self, size_bytes: int) -> None:
        if self._stopped:
            raise CancelledError
        with self._lock:
            self._moved += size_bytes
            if size_bytes and (self._moved - self._told) * _STEPS >= self.whole:
                self._told = self._moved
                self._report(f"  {size_in_words(self._moved)} of {size_in_words(self.whole)}")
