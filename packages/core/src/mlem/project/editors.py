"""Wiring of editors: a project's schema of declarations, and the settings that name it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mlem_model.objects.files import unusable, write_atomic
from mlem_model.objects.object import EXTENSION

SCHEMA_NAME = ".mlem.schema.json"
SETTINGS_NAME = ".vscode/settings.json"
SETTINGS = {
    "files.associations": {f"*{EXTENSION}": "yaml"},
    "yaml.schemas": {SCHEMA_NAME: f"*{EXTENSION}"},
}
"""Source: https://github.com/redhat-developer/yaml-language-server#language-server-settings (read 2026-11)."""


def wire(folder: Path, schema: dict[str, Any]) -> bool:
    """Write a project's schema, and the settings of VS Code that name it, where it has none.

    Args:
        folder: The project.
        schema: The schema.

    Returns:
        Whether the settings name the schema: False where there are settings that do not.

    Raises:
        UserError: A file can't be written.
    """
    settings = folder / SETTINGS_NAME
    try:
        write_atomic(folder / SCHEMA_NAME, json.dumps(schema, indent=1).encode() + b"\n")
        if settings.exists():
            return SCHEMA_NAME in settings.read_text(encoding="utf-8", errors="replace")
        settings.parent.mkdir(exist_ok=True)
        write_atomic(settings, json.dumps(SETTINGS, indent=2).encode() + b"\n")
    except OSError as error:
        raise unusable(folder, error, "wire editors in") from error
    return True
