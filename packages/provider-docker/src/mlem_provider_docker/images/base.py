"""The base image as an Engine has it: looked through and built on without a registry."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from mlem import ConflictError, PlatformError
from mlem.provider import size_in_words
from mlem_image import BaseImage, BlobOf
from mlem_provider_docker.images import image

if TYPE_CHECKING:
    from mlem_provider_docker.api.sdk import Engine

_PLAIN = "application/vnd.oci.image.layer.v1.tar"
_GZIP = b"\x1f\x8b"
_CHUNK_BYTES = 2**20
_LIST_BYTES = 4 * 2**20
Report = Callable[[str], None]


@contextlib.contextmanager
def base_image(engine: Engine, name: str, report: Report) -> Iterator[BaseImage]:
    """Return a context with an image that is on an Engine, or is pulled by it.

    Args:
        engine: The Engine.
        name: The image.
        report: Called with lines of progress.

    Raises:
        NotFoundError: There is none.
        ConflictError: It was removed meanwhile.
        PlatformError: The Engine does not answer.
    """
    found = engine.image(name)
    if found is None:
        image.pull(engine, name, report)
        found = engine.image(name)
    if found is None:
        raise ConflictError(f"the image {name} was removed while it was used", hint="repeat the command")
    layers = found["RootFS"].get("Layers") or []
    config = {
        "architecture": found["Architecture"],
        "os": found["Os"],
        "variant": found.get("Variant") or "",
        "config": found.get("Config") or {},
    }
    with tempfile.TemporaryDirectory(prefix="mlem-base-") as folder:
        saved = SavedLayers(engine, name, str(found["Id"]), layers, Path(folder), report)
        blobs = tuple(BlobOf(digest, 0, _PLAIN, digest) for digest in layers)
        yield BaseImage(name, str(found["Id"]), saved, config, blobs)


class SavedLayers:
    """The layers of an image on an Engine; they are asked for when somebody reads one.

    Args:
        engine: Where the image is.
        name: The image.
        id_: Its id.
        layers: The digests of what is in its layers, the lowest first.
        folder: Where the Engine's answer is put.
        report: Called with lines of progress.
    """

    host = ""

    def __init__(self, engine: Engine, name: str, id_: str, layers: list[str], folder: Path, report: Report) -> None:
        self.name = name
        self._engine, self._id, self._layers, self._report = engine, id_, layers, report
        self._path = folder / "base.tar"
        self._files: dict[str, str] = {}

    def stream(self, digest: str, size_bytes: int, moved: Callable[[int], None] = lambda _: None) -> Iterator[bytes]:
        """Yield the archive of a layer's files.

        Args:
            digest: The digest of what is in the layer.
            size_bytes: Without meaning: the Engine does not tell it.
            moved: Called with the size of each part.

        Raises:
            PlatformError: The Engine does not answer, or with something else.
        """
        if not self._files:
            self._save()
        try:
            with tarfile.open(self._path) as archive:
                member = archive.extractfile(self._files[digest])
                if member is None:
                    raise KeyError(digest)
                file = io.BufferedReader(cast("Any", member), _CHUNK_BYTES)
                packed = file.peek(2)[:2] == _GZIP
                content: IO[bytes] = cast("IO[bytes]", gzip.GzipFile(fileobj=file)) if packed else file
                while chunk := content.read(_CHUNK_BYTES):
                    moved(len(chunk))
                    yield chunk
        except (tarfile.TarError, KeyError, EOFError, OSError) as error:
            raise self._bad(error) from error

    def _save(self) -> None:
        self._report(f"looking through {self.name}")
        with self._path.open("wb") as file:
            for part in self._engine.save(self._id):
                file.write(part)
        self._report(f"  {size_in_words(self._path.stat().st_size)}")
        try:
            with tarfile.open(self._path) as archive:
                member = archive.extractfile("manifest.json")
                listed = json.loads(member.read(_LIST_BYTES)) if member is not None else []
                self._files = dict(zip(self._layers, listed[0]["Layers"], strict=True))
        except (tarfile.TarError, KeyError, IndexError, TypeError, ValueError) as error:
            raise self._bad(error) from error

    def _bad(self, error: Exception) -> PlatformError:
        return PlatformError(f"the Engine has written {self.name} in a form that can't be read: {error!r}")
