"""Stop the Engine and the registry that `start.py` started, each by its process id; others are left alone."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from machine import RUN


def main() -> int:
    """Stop what has a pid file here."""
    for file in sorted(RUN.glob("*.pid")):
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(file.read_text()), signal.SIGTERM)
        file.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
