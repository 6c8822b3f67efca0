"""Where an object is saved, here or on another file system: whole or not at all, and replacing only its like."""

from __future__ import annotations

from pathlib import Path

from mlem_model.artifacts.destinations.local import LocalDestination
from mlem_model.artifacts.destinations.remote import RemoteDestination
from mlem_model.artifacts.destinations.rules import Destination
from mlem_model.objects.file_systems import file_system
from mlem_model.objects.object import EXTENSION


def destination(address: Path | str) -> Destination:
    """Return the destination of an object.

    Args:
        address: A path, or a URL that fsspec knows; with or without the extension ``.mlem``.

    Raises:
        PluginError: The package that knows the URL's scheme is not installed.
        UserError: Nothing knows the scheme.
    """
    text = str(address).removesuffix(EXTENSION)
    if "://" not in text:
        return LocalDestination(Path(text))
    from fsspec.implementations.local import LocalFileSystem

    fs, path = file_system(text)
    if isinstance(fs, LocalFileSystem):
        return LocalDestination(Path(path))
    return RemoteDestination(text, fs, path)
