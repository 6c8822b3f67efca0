"""Follow a Markdown page as its reader would: write its files, run its commands and programs, print what they print.

    python tools/readme.py README.md

What a page can say of its blocks is in `manual.blocks`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from manual.blocks import parse
from manual.reader import PageError, Reader


def main(page: Path) -> int:
    """Follow a page in a new folder; return the exit code."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            Reader(Path(folder), echo=True).read(parse(page.read_text(encoding="utf-8")))
        except PageError as error:
            print(f"{page}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
