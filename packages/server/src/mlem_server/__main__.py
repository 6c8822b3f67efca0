"""The command ``mlem-server``, and ``python -m mlem_server``."""

from __future__ import annotations

import sys

from mlem_server.process.installation import expect_core


def main() -> int:
    """Look whether mlem-core is whole, then run `mlem_server.main.main`; return the exit code."""
    expect_core()
    from mlem_server.main import main as run  # late: it imports mlem-core

    return run()


if __name__ == "__main__":
    sys.exit(main())
