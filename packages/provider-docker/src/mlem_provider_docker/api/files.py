"""Files in images and containers, which need not run for it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

from mlem_provider_docker.api.archive import files_in, read_at_most
from mlem_provider_docker.api.sdk import Engine, translated


def read_files(engine: Engine, image: str, folder: str, most_bytes: int, labels: Mapping[str, str]) -> dict[str, bytes]:
    """Read the files of a folder of an image, through a container that is never started.

    Args:
        engine: Where the image is.
        image: The image.
        folder: The folder.
        most_bytes: What they may have together, with their frames.
        labels: Labels of the container.

    Returns:
        Their content by their names, none where there is no such folder.

    Raises:
        PlatformError: There is more.
    """
    with translated(f"read {folder} of the image {image[:19]}"):
        made = engine.api.create_container(image, labels=dict(labels), network_disabled=True)
    try:
        return read_path(engine, str(made["Id"]), folder, most_bytes)
    finally:
        engine.remove_container(str(made["Id"]))


def read_path(engine: Engine, container: str, path: str, most_bytes: int) -> dict[str, bytes]:
    """Read a file of a container, or the files of a folder; see `read_files`."""
    what = f"read {path} of the container {container[:12]}"
    with engine.absent_is_none(what) as found:
        chunks, _ = engine.api.get_archive(container, path)
        found.append({"archive": read_at_most(chunks, most_bytes, what)})
    return files_in(found[0]["archive"]) if found else {}


def write_file(engine: Engine, container: str, name: str, content: bytes) -> None:
    """Write a file into the root folder of a container, for the user root alone."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), 0o600
        tar.addfile(entry, io.BytesIO(content))
    with translated(f"write /{name} into the container {container[:12]}"):
        engine.api.put_archive(container, "/", archive.getvalue())
