"""Whether MLEM 0.4 was installed over mlem-core: then nothing of it can be imported, and only who looks before knows why."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

_BEGINNING = b"MLEM is a tool to help you version"
"""What ``mlem/__init__.py`` of MLEM 0.4 begins with."""


def expect_core() -> None:
    """End the process with the way out where the package ``mlem`` is that of MLEM 0.4, or half of one.

    Raises:
        SystemExit: With the code 3, as for everything that is not installed.
    """
    found = find_spec("mlem")
    if found is None:
        return
    if found.origin is not None and _BEGINNING not in Path(found.origin).read_bytes()[:200]:
        return
    what = "is that of MLEM 0.4" if found.origin else "is not whole, as pip uninstall mlem leaves it"
    sys.stderr.write(
        f"error[overwritten]: the package mlem {what}\nhint: pip uninstall -y mlem; pip install --force-reinstall --no-deps mlem-core\n"
    )
    sys.exit(3)
