"""The files of an object: written once with their digest, verified wherever they are read or copied."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, TypeVar

from mlem_model.artifacts.artifact import Artifact
from mlem_model.artifacts.destinations.rules import plain_name
from mlem_model.errors import ConflictError, MlemError, NotFoundError, UserError
from mlem_model.objects.fetched_later import LONGEST_POINTER_BYTES, fetch_hint, pull_hint
from mlem_model.objects.file_systems import file_system, translated
from mlem_model.objects.files import replacing, unusable
from mlem_model.objects.project_root import find_root

CHUNK_BYTES = 1 << 20
_ROOT = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}")
"""What is left of the URL of a file that lies in no folder: ``memory://iris``."""
Opener = Callable[[str], IO[bytes]]
ObjectT = TypeVar("ObjectT")
ResultT = TypeVar("ResultT")
_LOOKS = 5
_PAUSE_S = 0.005


class _Hashing(io.RawIOBase):
    """A file to write to that keeps count and digest of what passes, so that nothing is read again."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()
        self.size_bytes = 0

    def writable(self) -> bool:
        return True

    def restart(self) -> None:
        """Forget what was written, to write anew."""
        self._file.seek(0)
        self._file.truncate()
        self.sha256, self.size_bytes = hashlib.sha256(), 0

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self.sha256.update(view)
        self.size_bytes += len(view)
        self._file.write(view)
        return len(view)


def write_artifact(path: Path, write: Callable[[IO[bytes]], ResultT], kind: str) -> tuple[Artifact, ResultT]:
    """Write an artifact of any size: a reader sees the old file or the new one, never a part.

    Args:
        path: The file; its folder is made when absent.
        write: Writes the content to the file that it is given.
        kind: The artifact's format.

    Returns:
        The artifact, and what ``write`` returned.

    Raises:
        UserError: The folder can't be written.
        PlatformError: The disk is full, or failed.
    """
    try:
        with replacing(path) as file:
            hashing = _Hashing(file)
            result = write(hashing)  # type: ignore[arg-type]  # as much of a file as picklers and writers need
        return Artifact(
            uri=path.name, size_bytes=hashing.size_bytes, sha256=hashing.sha256.hexdigest(), format=kind
        ), result
    except OSError as error:
        raise unusable(path, error, "write") from error


def join(folder: Path | str, uri: str) -> str:
    """Return the address of an artifact.

    Args:
        folder: The folder of the ``.mlem`` file: a path, or a URL that fsspec knows.
        uri: The artifact's, relative to it.
    """
    root = _ROOT.fullmatch(str(folder))
    if root:
        return f"{root[1]}://{uri}"
    return f"{str(folder).rstrip('/')}/{uri}" if "://" in str(folder) else str(Path(folder) / uri)


def open_artifact(address: str) -> IO[bytes]:
    """Open a file by its path or URL.

    Raises:
        NotFoundError: It is not there.
        UserError: It can't be read.
        MlemError: The store does not answer; see `mlem_model.objects.file_systems.translated`.
    """
    try:
        if "://" not in address:
            return open(address, "rb")  # the caller closes it
        fs, path = file_system(address)
        with translated(address, "read"):
            opened: IO[bytes] = fs.open(path, "rb")
            return opened
    except (FileNotFoundError, NotFoundError) as error:
        hint = fetch_hint(address) if "://" not in address else None
        raise NotFoundError(f"the artifact {address} does not exist", code="artifact-missing", hint=hint) from error
    except OSError as error:
        raise unusable(address, error, "read") from error


def open_content(artifact: Artifact, folder: Path | str, opener: Opener = open_artifact) -> tuple[IO[bytes], str]:
    """Open an artifact's file, under its plain name where the name of its content is gone.

    Saving gives the content its plain name as the last step.

    Args:
        artifact: The record.
        folder: The folder, or URL, of the ``.mlem`` file.
        opener: Opens an address.

    Returns:
        The open file, not verified yet, and its address.

    Raises:
        NotFoundError: It is not there.
    """
    address = join(folder, artifact.uri)
    plain = plain_name(artifact.uri)
    try:
        _expect_inside(address, folder)
        return opener(address), address
    except NotFoundError:
        if plain is None:
            raise
        try:
            address = join(folder, plain)
            _expect_inside(address, folder)
            return opener(address), address
        except NotFoundError:
            pass
        raise


def _expect_inside(address: str, folder: Path | str) -> None:
    """Refuse a link that leads out of the project, or, outside of projects, out of the metadata's own folder.

    Raises:
        UserError: It does; its maker may know nothing of what it leads to, or should not get to see it.
    """
    if "://" in address:
        return
    home = Path(folder).resolve()
    root, real = find_root(home) or home, Path(address).resolve()
    if not real.is_relative_to(root):
        raise UserError(
            f"{address} is a link that leads out of {root}",
            code="outside",
            hint="put the file itself there",
        )


def check(artifact: Artifact, address: str, file: IO[bytes], copy_to: IO[bytes] | None = None) -> None:
    """Read a file to its end, and compare it with what was recorded.

    Args:
        artifact: The record.
        address: The file's address, for messages.
        file: The open file.
        copy_to: Where to write what is read; trust it only when this returns.

    Raises:
        ConflictError: Its length or its digest differs.
    """
    name, expected = artifact.checksum
    digest = hashlib.new(name or "sha256", usedforsecurity=False)
    size_bytes, head = 0, b""
    while chunk := file.read(CHUNK_BYTES):
        head = head or chunk[:LONGEST_POINTER_BYTES]
        digest.update(chunk)
        size_bytes += len(chunk)
        if copy_to is not None:
            copy_to.write(chunk)
    _expect_size(artifact, address, size_bytes, head)
    if name and digest.hexdigest() != expected:
        raise _changed(
            f"{address} is not the file that was saved: expected {name} {expected}, got {digest.hexdigest()}", head
        )


def expect_there(artifact: Artifact, folder: Path | str) -> None:
    """Look at an artifact's file without reading it: whether it is there, and as long as what was saved.

    Args:
        artifact: The record.
        folder: The folder, or URL, of the ``.mlem`` file.

    Raises:
        NotFoundError: It is not there.
        ConflictError: Its length differs.
    """
    file, address = open_content(artifact, folder)
    with file:
        head = file.read(LONGEST_POINTER_BYTES)
        try:
            size_bytes = file.seek(0, os.SEEK_END)
        except (OSError, ValueError):  # a stream, whose end nobody knows yet
            return
    _expect_size(artifact, address, size_bytes, head)


def _expect_size(artifact: Artifact, address: str, size_bytes: int, head: bytes) -> None:
    if size_bytes != artifact.size_bytes:
        what = "is truncated" if size_bytes < artifact.size_bytes else "is longer than the file that was saved"
        raise _changed(f"{address} {what}: expected {artifact.size_bytes} bytes, got {size_bytes}", head)


def _changed(message: str, head: bytes) -> ConflictError:
    again = (
        "if it was saved again just now, repeat; otherwise copy it again, with its .mlem file, from where it was saved"
    )
    return ConflictError(message, code="artifact-changed", hint=pull_hint(head) or again)


@contextlib.contextmanager
def verified(artifact: Artifact, folder: Path | str, opener: Opener = open_artifact) -> Iterator[IO[bytes]]:
    """Open an artifact whose content is sure to be what was saved.

    Args:
        artifact: The record.
        folder: The folder, or URL, of the ``.mlem`` file.
        opener: Opens an address.

    Yields:
        The file, at its start. One from a URL is a local copy: what was verified is what is read.

    Raises:
        ConflictError: The file changed.
        NotFoundError: It is not there.
    """
    opened, address = open_content(artifact, folder, opener)
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(opened)
        if "://" in address:
            local = stack.enter_context(tempfile.TemporaryFile())
            check(artifact, address, file, local)
            file = local
        else:
            check(artifact, address, file)
        file.seek(0)
        yield file


def copy(artifact: Artifact, folder: Path | str, target: Path, opener: Opener = open_artifact) -> Artifact:
    """Copy an artifact, verified on the way; the target appears only when it is whole.

    Args:
        artifact: The record.
        folder: The folder, or URL, of the ``.mlem`` file.
        target: The new file.
        opener: Opens an address.

    Returns:
        The record of the copy; the digests stay as recorded, so that the model keeps its own.
    """
    file, address = open_content(artifact, folder, opener)
    with file:
        copied, _ = write_artifact(target, lambda out: check(artifact, address, file, out), artifact.format)
    return artifact.model_copy(update={"uri": copied.uri})


def use_current(read: Callable[[], ObjectT], use: Callable[[ObjectT], ResultT]) -> tuple[ObjectT, ResultT]:
    """Use an object with its files, even while it is being saved again.

    When a file is gone or was replaced, the metadata is read again.

    Args:
        read: Reads the metadata.
        use: Uses the object's files.

    Returns:
        The metadata, and what ``use`` returned for it.

    Raises:
        NotFoundError: An artifact is not there, and the metadata stays the same.
        ConflictError: An artifact is not what was saved, and the metadata stays the same.
    """
    found, same = read(), 0
    while True:
        try:
            return found, use(found)
        except MlemError as error:
            if error.code not in ("artifact-missing", "artifact-changed") or same == _LOOKS:
                raise
            time.sleep(same * _PAUSE_S)
            again = read()
            same = same + 1 if again == found else 0
            found = again
