"""The pages that are written by hand: the README and those of the documentation that are not made from the code."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def written() -> list[Path]:
    """Return the pages, without the decisions, which are of their day."""
    return [
        ROOT / "README.md",
        *sorted(path for path in DOCS.rglob("*.md") if not {"decisions", "reference"} & {*path.parts}),
    ]


def name_of(path: Path) -> str:
    """Return how a page is called in the repository."""
    return path.relative_to(ROOT).as_posix()
