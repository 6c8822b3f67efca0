"""The store: a register for each name, changed only where it is still at the version that was read."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from mlem import ABSENT, ConflictError, StateUnknownError, Store, Versioned

_TABLE = "CREATE TABLE IF NOT EXISTS states (name TEXT PRIMARY KEY, version TEXT NOT NULL, data BLOB NOT NULL)"
_WAIT_S = 10.0
"""How long to wait for others who write."""


class CumulusStore(Store):
    """A file of SQLite.

    Args:
        path: The file; it is made at the first write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def where(self, name: str) -> str:
        """Return the file, and the name in it."""
        return f"{self._path}#{name}"

    def read(self, name: str) -> Versioned | None:
        """Return the newest value."""
        with self._connected() as database:
            found = database.execute("SELECT data, version FROM states WHERE name = ?", (name,)).fetchone()
        return None if found is None else Versioned(bytes(found[0]), str(found[1]))

    def write(self, name: str, data: bytes, expect: str) -> str:
        """Replace the value if it is still at a version: one statement, so that the database decides."""
        version = uuid.uuid4().hex  # never the same for two writes
        with self._connected() as database:
            if expect == ABSENT:
                words = "INSERT INTO states (name, version, data) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
                done = database.execute(words, (name, version, data))
            else:
                words = "UPDATE states SET version = ?, data = ? WHERE name = ? AND version = ?"
                done = database.execute(words, (version, data, name, expect))
            self._expect_one(name, done.rowcount)
        return version

    def delete(self, name: str, expect: str) -> None:
        """Delete the value if it is still at a version."""
        with self._connected() as database:
            done = database.execute("DELETE FROM states WHERE name = ? AND version = ?", (name, expect))
            self._expect_one(name, done.rowcount)

    def names(self, prefix: str = "") -> Iterator[str]:
        """Yield the names that begin with a prefix, sorted."""
        with self._connected() as database:
            words = "SELECT name FROM states WHERE substr(name, 1, ?) = ? ORDER BY name"
            found = database.execute(words, (len(prefix), prefix)).fetchall()
        yield from (str(name) for (name,) in found)

    def _expect_one(self, name: str, changed: int) -> None:
        if changed != 1:
            raise ConflictError(f"{self.where(name)} was changed by others")

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        """Connect; what is done is committed at the end, on the disk and not only in a cache."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self._path, timeout=_WAIT_S)) as database, database:
                database.execute("PRAGMA synchronous = FULL")
                database.execute(_TABLE)
                yield database
        except (sqlite3.Error, OSError) as error:
            raise StateUnknownError(f"{self._path} does not answer: {error}") from error
