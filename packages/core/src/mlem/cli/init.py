"""``mlem init``."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mlem import api
from mlem.cli.terminal.messages import note
from mlem.cli.terminal.output import output_option, print_result
from mlem.project.editors import SCHEMA_NAME, SETTINGS, SETTINGS_NAME, wire
from mlem.project.project import init_project
from mlem_model.objects.files import shown


@click.command()
@click.argument("folder", metavar="[DIR]", default=".")
@output_option
def init(folder: str, output: str) -> None:
    """Make a folder (by default the current one) a project, with a file .mlem.yaml.

    Its .gitignore excludes states. Editors with yaml-language-server get a schema of all that is installed, and VS Code
    the settings for it; a second time, the schema is made anew.
    """
    path, made = init_project(Path(folder).resolve())
    wired = wire(path.parent, api.schema())
    words = "made" if made else "is already a project:"
    print_result(output, {"config": str(path), "created": made, "editors": wired}, f"{words} {shown(path)}")
    if not wired:
        note(f"note: {SETTINGS_NAME} does not name {SCHEMA_NAME}; to have VS Code use it, add: {json.dumps(SETTINGS)}")
