"""`Row`: what was found of one kind of model, as the data file has it; and the data file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

FILE = Path(__file__).with_name("rows.json")


@dataclass(frozen=True)
class Row:
    """What was found of one kind of model.

    Attributes:
        name: Its name.
        date: The day, ``2026-11-27``.
        versions: Versions by distribution.
        format: The format of its artifact.
        cells: What the other columns say by their names, in `COLUMNS`; those that were not tried are missing.
        failed: For each cell that failed, what was said.
    """

    name: str
    date: str
    versions: Mapping[str, str] = field(default_factory=dict)
    format: str = ""
    cells: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)


COLUMNS = ("save", "local", "Docker", "JSON", "binary", "safe load", "joined calls", "image, MB", "ready, s")


def read(path: Path = FILE) -> dict[str, Row]:
    """Return the rows of the data file by name."""
    found = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return {item["name"]: Row(**item) for item in found}


def write(rows: Iterable[Row], path: Path = FILE) -> None:
    """Write the data file."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
