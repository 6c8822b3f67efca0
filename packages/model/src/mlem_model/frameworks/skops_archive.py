"""A skops file: an archive with a schema, which names modules and classes, and with arrays beside it."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

_SCHEMA = "schema.json"


def named(data: bytes) -> frozenset[tuple[str, str]]:
    """Return the module and the name of all that a file names.

    Args:
        data: Its content.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read(_SCHEMA))
    pairs = ((node.get("__module__"), node.get("__class__")) for node in _nodes(schema))
    return frozenset((module, name) for module, name in pairs if isinstance(module, str) and isinstance(name, str))


def stable(data: bytes) -> bytes:
    """Return a file without what differs from run to run.

    That is: addresses in memory, random names, the order of sets, and the time.

    Args:
        data: Its content, as skops wrote it.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files.pop(_SCHEMA))
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    _sort_sets(schema, digests)
    ids: dict[int, int] = {}
    names: dict[str, str] = {}
    for node in _nodes(schema):
        if isinstance(node.get("__id__"), int):
            node["__id__"] = ids.setdefault(node["__id__"], len(ids) + 1)
        if isinstance(node.get("file"), str):
            node["file"] = names.setdefault(node["file"], f"{len(names) + 1}{PurePosixPath(node['file']).suffix}")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, new in names.items():
            archive.writestr(zipfile.ZipInfo(new), files[name])
        archive.writestr(zipfile.ZipInfo(_SCHEMA), json.dumps(schema))
    return buffer.getvalue()


def _sort_sets(schema: Any, digests: Mapping[str, str]) -> None:
    def content(node: Any) -> Any:
        if isinstance(node, list):
            return [content(part) for part in node]
        if not isinstance(node, dict):
            return digests.get(node, node) if isinstance(node, str) else node
        return {key: content(part) for key, part in node.items() if key != "__id__"}

    for node in reversed(list(_nodes(schema))):  # from the inside out
        if node.get("__loader__") == "SetNode" and isinstance(node.get("content"), list):
            node["content"].sort(key=lambda part: json.dumps(content(part)))


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a schema, from the outside in."""
    if isinstance(node, dict):
        yield node
    for part in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(part)
