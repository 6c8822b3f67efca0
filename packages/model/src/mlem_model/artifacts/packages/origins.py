"""Where installed distributions came from: an index, an address, or a folder of this machine.

What came from a folder is in no index, so that no server can install it.

Source: https://packaging.python.org/en/latest/specifications/direct-url/ and .../direct-url-data-structure/ (PEP 610,
read 2026-11).
"""

from __future__ import annotations

import functools
import json
import os
import site
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution, PackageNotFoundError, distribution, distributions
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit, urlunsplit

_REMOTE = ("http", "https", "ssh", "git", "ftp", "ftps", "sftp")


@dataclass(frozen=True)
class Origin:
    """Where a distribution came from.

    Attributes:
        kind: ``index`` for what any index of packages may have; ``address`` for what pip gets from ``url``; ``folder``
            for what was installed from a folder or a file of this machine.
        url: The address, as pip takes it; None for the others.
        source: The folder that its modules are imported from, where that is not a folder of installed packages.
        compiled: Whether it installed compiled modules.
    """

    kind: Literal["index", "address", "folder"]
    url: str | None = None
    source: str | None = None
    compiled: bool = False

    @property
    def travels(self) -> bool:
        """Whether its modules are saved with what uses them: no index has them, and they are pure Python."""
        return self.kind == "folder" and not self.compiled


INDEX = Origin("index")


@functools.cache
def origin_of(name: str) -> Origin:
    """Return where a distribution came from.

    Args:
        name: Its name; for one that is not installed, an index is assumed.
    """
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return INDEX
    return _origin(found)


@functools.cache
def sources() -> Mapping[str, str]:
    """Map the folders that distributions in development are imported from to their names."""
    found = {}
    for each in distributions():
        origin = _origin(each)
        if origin.source is not None:
            found[origin.source] = each.name
    return found


def is_compiled(file: str | None) -> bool:
    """Whether a module's file is compiled, so that there is no Python source that could be saved."""
    return file is not None and file.endswith(tuple(EXTENSION_SUFFIXES))


def _origin(found: Distribution) -> Origin:
    if _text(found, "INSTALLER").strip() == "conda":  # its packages say where they were built
        return INDEX
    direct = _direct_url(found)
    if direct is None:
        source = _source_of_egg(found)
        return INDEX if source is None else Origin("folder", source=source)
    url = str(direct["url"])
    if urlsplit(url).scheme in _REMOTE:
        return Origin("address", _address(url, direct))
    info = direct.get("dir_info")
    if isinstance(info, dict) and info.get("editable"):
        return Origin("folder", source=_folder(url))
    return Origin("folder", compiled=any(is_compiled(str(file)) for file in found.files or ()))


def _direct_url(found: Distribution) -> dict[str, Any] | None:
    try:
        direct = json.loads(_text(found, "direct_url.json") or "null")
    except ValueError:
        return None
    return direct if isinstance(direct, dict) and isinstance(direct.get("url"), str) else None


def _text(found: Distribution, name: str) -> str:
    try:
        return found.read_text(name) or ""
    except (OSError, UnicodeDecodeError):
        return ""


def _address(url: str, direct: Mapping[str, Any]) -> str:
    """Write an address as pip takes it, without a password."""
    parts = urlsplit(url)
    user, _, place = parts.netloc.rpartition("@")
    kept = f"{user}@{place}" if user and ":" not in user and parts.scheme not in ("http", "https") else place
    base = urlunsplit((parts.scheme, kept, parts.path, parts.query, ""))
    fragment = []
    vcs, archive = direct.get("vcs_info"), direct.get("archive_info")
    if isinstance(vcs, dict):
        base = f"{vcs.get('vcs', 'git')}+{base}@{vcs.get('commit_id', '')}".removesuffix("@")
    elif isinstance(archive, dict):
        hashes = archive.get("hashes")
        fragment = (
            [f"{name}={value}" for name, value in hashes.items()][:1]
            if isinstance(hashes, dict)
            else [str(archive.get("hash") or "")]
        )
    if direct.get("subdirectory"):
        fragment.append(f"subdirectory={direct['subdirectory']}")
    return base + "#" + "&".join(filter(None, fragment)) if any(fragment) else base


def _folder(url: str) -> str:
    return os.path.join(os.path.realpath(unquote(urlsplit(url).path)), "")


def _source_of_egg(found: Distribution) -> str | None:
    """Return the folder of a distribution whose metadata a build left among its sources.

    None for one that is installed.
    """
    folder = getattr(found, "_path", None)  # the library has no other way to tell the two kinds of metadata
    if folder is None or Path(folder).suffix != ".egg-info":
        return None
    home = os.path.realpath(str(found.locate_file("")))
    return None if _is_site(home) else os.path.join(home, "")


@functools.cache
def _sites() -> frozenset[str]:
    paths = [
        sysconfig.get_path("purelib"),
        sysconfig.get_path("platlib"),
        *site.getsitepackages(),
        site.getusersitepackages(),
    ]
    return frozenset(os.path.realpath(path) for path in paths)


def _is_site(folder: str) -> bool:
    return folder in _sites() or os.path.basename(folder) in ("site-packages", "dist-packages")
