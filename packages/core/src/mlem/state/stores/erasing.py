"""`ErasingStore`: for servers that delete without a condition, where deleting could hit somebody else's new state."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from mlem.state.manager import ABSENT, Store, Versioned
from mlem_model.errors import ConflictError

MARK = b"# erased "


class ErasingStore(Store):
    """Overwrites, under a condition, what is to be deleted by a mark that reads as absent.

    Args:
        inner: The store itself.
    """

    def __init__(self, inner: Store) -> None:
        self.inner = inner

    def where(self, name: str) -> str:
        """Return the URL of a name."""
        return self.inner.where(name)

    def read(self, name: str) -> Versioned | None:
        """Read the newest value; see `Store.read`."""
        found = self.inner.read(name)
        return None if found is None or found.data.startswith(MARK) else found

    def write(self, name: str, data: bytes, expect: str) -> str:
        """Replace the value if it is still at a version, an erased one where nothing is expected; see `Store.write`."""
        try:
            return self.inner.write(name, data, expect)
        except ConflictError:
            if expect != ABSENT:
                raise
            found = self.inner.read(name)
            if found is None or not found.data.startswith(MARK):
                raise
            return self.inner.write(name, data, found.version)

    def delete(self, name: str, expect: str) -> None:
        """Overwrite the value if it is still at a version; see `Store.delete`."""
        self.inner.write(name, MARK + os.urandom(8).hex().encode() + b"\n", expect)

    def discard(self, name: str) -> None:
        """Delete a name, its mark included; see `Store.discard`."""
        self.inner.discard(name)

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with a prefix, sorted."""
        for name in self.inner.names(prefix):
            if self.read(name) is not None:
                yield name

    def errored(self, name: str) -> Path | None:
        """Return the file that keeps a state which could not be written."""
        return self.inner.errored(name)
