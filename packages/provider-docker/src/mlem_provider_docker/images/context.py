"""The build context: the files that an image is made from, as a folder or as a stream for the Engine."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlem import ConflictError, DeclarationError, MlemError
from mlem.provider import copy_model, unusable
from mlem_image import Pins, read_ca
from mlem_provider_docker.images import dockerfile
from mlem_provider_docker.images.in_image import write_pins

if TYPE_CHECKING:
    from mlem_provider_docker.images.build import ImageBuild

DOCKERFILE = "Dockerfile"
_CHUNK_BYTES = 1 << 20


def write(
    folder: Path,
    build: ImageBuild,
    pins: Pins | None = None,
) -> None:
    """Write the build context of a model into a folder.

    Args:
        folder: An empty folder, or one that this wrote before: then its files are replaced.
        build: The image; its model is copied and verified, never loaded.
        pins: The packages, where they were chosen; else the build chooses them.

    Raises:
        ConflictError: The folder has other files, or an artifact is not what was saved.
        UserError: It can't be written.
    """
    recipe, options = build.recipe, build.options
    is_new = not folder.exists()
    try:
        _expect_ours(folder)
        for name in ("wheels", "model", "pins"):
            shutil.rmtree(folder / name, ignore_errors=True)
        (folder / "model").mkdir(parents=True)
        (folder / DOCKERFILE).write_text(
            dockerfile.render(recipe, build.labels, pinned=pins is not None), encoding="utf-8"
        )
        if pins is None:
            _write_lines(folder / "requirements.txt", (*recipe.requirements, *recipe.own))
            shutil.copyfile(write_pins.__file__, folder / "write_pins.py")
            if recipe.hashes:
                (folder / write_pins.HASHES).write_text(json.dumps(dict(recipe.hashes)), encoding="utf-8")
        else:
            (folder / "pins").mkdir()
            _write_lines(folder / "pins" / write_pins.HASHED, pins.hashed)
            _write_lines(folder / "pins" / write_pins.UNHASHED, pins.unhashed)
        if recipe.ca_digest and options.ca_file:
            (folder / "ca.pem").write_bytes(read_ca(options.declared_path(options.ca_file)))
        packed = recipe.wheels()
        if packed:
            (folder / "wheels").mkdir()
            for wheel in packed:
                (folder / "wheels" / wheel.name).write_bytes(wheel.data)
            lines = tuple(f"/build/wheels/{wheel.name} --hash=sha256:{wheel.digest}" for wheel in packed)
            _write_lines(folder / "wheels" / write_pins.HASHED, lines)
    except OSError as error:
        raise unusable(folder, error, "write the build context to") from error
    try:
        copy_model(build.model, folder / "model")
    except MlemError:
        if is_new:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _write_lines(path: Path, lines: tuple[str, ...]) -> None:
    for line in lines:
        dockerfile.expect_line(line)
        if line.startswith("-"):
            raise DeclarationError(f"{line!r} is not a package: it would be an option of pip", code="not-a-line")
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _expect_ours(folder: Path) -> None:
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    made = folder / DOCKERFILE
    if not made.is_file() or not made.read_text(errors="replace").startswith(dockerfile.HEADER):
        raise ConflictError(
            f"{folder} has files that are not a build context of mlem",
            code="folder-in-use",
            hint="choose an empty folder",
        )


def size_of(folder: Path) -> int:
    """Return the size of a folder's files in bytes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def stream(folder: Path, sent: Callable[[int], None] = lambda _size_bytes: None) -> Iterator[bytes]:
    """Yield a folder as a tar archive that depends on its content alone.

    The Engine finds unchanged files in its cache.

    Args:
        folder: The folder.
        sent: Called with the size of each part of a file that was taken, in bytes.
    """
    for path in sorted(folder.rglob("*")):
        entry = tarfile.TarInfo(path.relative_to(folder).as_posix())
        # readable for the user that serves, whatever the umask of the one who saved
        entry.type, entry.mode = (tarfile.DIRTYPE, 0o755) if path.is_dir() else (tarfile.REGTYPE, 0o644)
        entry.size = 0 if path.is_dir() else path.stat().st_size
        yield entry.tobuf(tarfile.PAX_FORMAT)
        if entry.size:
            yield from _blocks(path, sent)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _blocks(path: Path, sent: Callable[[int], None]) -> Iterator[bytes]:
    size_bytes = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            size_bytes += len(chunk)
            yield chunk
            sent(len(chunk))
    yield bytes(-size_bytes % tarfile.BLOCKSIZE)
