"""Install Debian's chromium for the tests of the page, unless a chromium is there. As root."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "engine"))

from machine import need, note

if __name__ == "__main__":
    note(need("chromium", "chromium", "fonts-dejavu-core"))
