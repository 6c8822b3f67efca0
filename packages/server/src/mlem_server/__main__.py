"""The command ``mlem-server``, and ``python -m mlem_server``."""

from __future__ import annotations

import sys

from mlem_server.main import main

if __name__ == "__main__":
    sys.exit(main())
