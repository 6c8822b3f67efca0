"""An image as a folder, or as a tar archive: what every tool for images reads, and ``docker load`` too.

Sources: https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md;
https://github.com/moby/docker-image-spec/blob/main/v1.2.md, "Combined Image JSON + Filesystem Changeset Format" (read
2026-11).
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mlem import ConflictError
from mlem.provider import unusable
from mlem_image.attached.artifact import EMPTY, Artifact, Described
from mlem_image.base.base_image import BlobOf
from mlem_image.cache.cache import Cache
from mlem_image.images.image import Image
from mlem_image.layers.layer import Layer
from mlem_image.registry.repository import INDEX, MANIFEST

_LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'
_NAME = "org.opencontainers.image.ref.name"
_FULL_NAME = "io.containerd.image.name"
_CHUNK_BYTES = 2**20
Report = Callable[[str], None]


def write_folder(image: Image, cache: Cache, folder: Path, name: str, artifacts: Sequence[Artifact] = ()) -> None:
    """Write an image into a folder.

    Args:
        image: The image.
        cache: Where its layers are.
        folder: The folder: an empty one, or one that has images.
        name: Its name there.
        artifacts: Documents about it, which the index names beside it, without a name of their own.

    Raises:
        ConflictError: The folder has something else.
        MlemError: It can't be written, or the base image's registry does not answer.
    """
    try:
        if folder.exists() and any(folder.iterdir()) and not (folder / "oci-layout").is_file():
            raise ConflictError(f"{folder} has other files", code="folder-in-use", hint="choose an empty folder")
        (folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        for path, source in _files(image, cache, name, artifacts):
            target, part = folder / path, folder / f"{path}.part"
            if isinstance(source, bytes):
                part.write_bytes(source)
            else:
                shutil.copyfile(source, part)
            os.replace(part, target)
    except OSError as error:
        raise unusable(folder, error, "write an image to") from error


def write_archive(image: Image, cache: Cache, path: Path, name: str) -> None:
    """Write an image as an archive that ``docker load`` takes; its file is there at the very end.

    Args:
        image: The image.
        cache: Where its layers are.
        path: Where it is written to; what is there already is replaced.
        name: Its name, with tag.

    Raises:
        ConflictError: Another build writes to it.
        MlemError: It can't be written, or the base image's registry does not answer.
    """
    part = path.with_name(f".{path.name}.part")  # the same one each time: what a killed build left is replaced
    try:
        part.unlink(missing_ok=True)
        with part.open("xb") as file:
            try:
                for data in archive(image, cache, name):
                    file.write(data)
                file.flush()
                ours = os.path.samestat(os.fstat(file.fileno()), part.stat())
            except Exception:
                part.unlink(missing_ok=True)
                raise
        if not ours:
            raise FileExistsError(part)
        os.replace(part, path)
    except (FileExistsError, FileNotFoundError) as error:
        if path.parent.is_dir():
            raise ConflictError(f"another build writes to {path}", hint="repeat the command") from error
        raise unusable(path, error, "write an image to") from error
    except OSError as error:
        raise unusable(path, error, "write an image to") from error


def archive(image: Image, cache: Cache, name: str) -> Iterator[bytes]:
    """Yield an image as an archive, part by part; see `write_archive`."""
    yield from _archive(_files(image, cache, name))


def engine_archive(image: Image, cache: Cache, name: str, known: int) -> Iterator[bytes]:
    """Yield an image as an archive for an Engine that has some of its layers.

    Source: moby, ``image/tarexport/load.go``: the file of a layer is read only where there is none with its content on
    top of those below it (read 2026-11).

    Args:
        image: The image.
        cache: Where its layers are.
        name: Its name, with tag.
        known: So many of its layers, from the lowest on, the Engine has.
    """
    yield from _archive(_engine_files(image, cache, name, known))


def _engine_files(image: Image, cache: Cache, name: str, known: int) -> Iterator[tuple[str, bytes | Path]]:
    layers = image.all_layers
    for blob in {layer.digest: layer for layer in layers[known:]}.values():
        yield _place(blob.digest), _path_of(image, cache, blob)
    yield _place(image.config_digest), image.config
    places = [_place(layer.digest) for layer in layers]
    yield (
        "manifest.json",
        json.dumps([{"Config": _place(image.config_digest), "RepoTags": [name], "Layers": places}]).encode(),
    )


def _archive(files: Iterator[tuple[str, bytes | Path]]) -> Iterator[bytes]:
    for folder in ("blobs", "blobs/sha256"):
        entry = tarfile.TarInfo(folder)
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        yield entry.tobuf(tarfile.PAX_FORMAT)
    for path, source in files:
        entry = tarfile.TarInfo(path)
        entry.size = len(source) if isinstance(source, bytes) else source.stat().st_size
        yield entry.tobuf(tarfile.PAX_FORMAT)
        if isinstance(source, bytes):
            yield source
        else:
            with source.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    yield chunk
        yield bytes(-entry.size % tarfile.BLOCKSIZE)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _files(
    image: Image, cache: Cache, name: str, artifacts: Sequence[Artifact] = ()
) -> Iterator[tuple[str, bytes | Path]]:
    """Yield the files of the layout, the ones that name others last."""
    digests = []
    for blob in image.all_layers:
        if blob.digest not in digests:
            yield _place(blob.digest), _path_of(image, cache, blob)
        digests.append(blob.digest)
    yield _place(image.config_digest), image.config
    yield _place(image.digest), image.manifest
    for artifact in artifacts:
        for content in (EMPTY, artifact.content, artifact.manifest):
            yield _place(Described.of("", content).digest), content
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {
                "mediaType": MANIFEST,
                "digest": image.digest,
                "size": len(image.manifest),
                "annotations": {_NAME: name.rpartition(":")[2], _FULL_NAME: name},
                "platform": {"os": image.base.config["os"], "architecture": image.base.config["architecture"]},
            },
            *(artifact.described for artifact in artifacts),
        ],
    }
    docker = [{"Config": _place(image.config_digest), "RepoTags": [name], "Layers": list(map(_place, digests))}]
    yield "oci-layout", _LAYOUT
    yield "manifest.json", json.dumps(docker).encode()
    yield "index.json", json.dumps(index).encode()


def _path_of(image: Image, cache: Cache, blob: BlobOf | Layer) -> Path:
    """Return the file of a layer; one of the base image's is taken from where that is."""
    path = cache.blob(blob.digest, blob.size_bytes)
    if path is None and isinstance(blob, BlobOf):
        with cache.writing() as file:
            for part in image.base.repository.stream(blob.digest, blob.size_bytes):
                file.write(part)
            path = cache.keep(file, blob.digest)
    if path is None:
        raise ConflictError("a layer was removed from the cache while it was used", hint="repeat the command")
    return path


def _place(digest: str) -> str:
    return f"blobs/sha256/{digest.partition(':')[2]}"
