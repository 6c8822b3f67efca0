"""The layer that takes from a base image what a server has no use for: pip, and programs that give rights.

Source: https://docs.docker.com/engine/security/ and CIS Docker Benchmark 1.6, 4.8, "setuid and setgid permissions are
removed"; https://github.com/opencontainers/image-spec/blob/v1.1.1/layer.md, "Whiteouts" (read 2026-11).
"""

from __future__ import annotations

import base64
import io
import posixpath
import stat
from collections.abc import Iterator

from mlem_image.base.contents import Contents
from mlem_image.layers.entry import Entry


def hardened(contents: Contents) -> Iterator[Entry]:
    """Yield the files that hide or replace those of a base image, in order."""
    found = {}
    for path in contents.pips:
        folder, name = posixpath.split(path)
        found[posixpath.join(folder, f".wh.{name}")] = Entry(
            posixpath.join(folder, f".wh.{name}"), 0o600, 0, io.BytesIO
        )
    for path, (mode, content) in contents.marked.items():
        data = base64.b64decode(content)
        found[path] = Entry(path, mode & ~(stat.S_ISUID | stat.S_ISGID), len(data), lambda data=data: io.BytesIO(data))  # type: ignore[misc]
    for path in sorted(found):
        yield found[path]
