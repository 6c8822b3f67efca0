"""``python -m mlem_server``: the command ``mlem-server`` of this interpreter."""

from __future__ import annotations

import sys

from mlem_server.main import main

sys.exit(main())
