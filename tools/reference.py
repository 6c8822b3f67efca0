"""Write the reference pages from the code, into `docs/reference` or another folder.

python tools/reference.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from manual.pages import DOCS
from manual.reference.api import api_page
from manual.reference.commands import commands_page, server_page
from manual.reference.errors import errors_page
from manual.reference.http import http_page, metrics_page
from manual.reference.plugins import hooks_page, plugins_page
from manual.reference.settings import settings_page, variables_page
from manual.reference.types import platforms_page, types_page

PAGES = {
    "api": api_page,
    "commands": commands_page,
    "errors": errors_page,
    "hooks": hooks_page,
    "http": http_page,
    "metrics": metrics_page,
    "platforms": platforms_page,
    "plugins": plugins_page,
    "server": server_page,
    "settings": settings_page,
    "types": types_page,
    "variables": variables_page,
}
"""Each page that is made from the code, by the name of its file."""


def main(folder: Path) -> None:
    """Write every page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / f"{name}.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS / "reference")
