"""``mlem init``."""

from __future__ import annotations

from pathlib import Path

import click

from mlem.cli.terminal.output import output_option, print_result
from mlem.project.project import init_project
from mlem_model.objects.files import shown


@click.command()
@click.argument("folder", metavar="[DIR]", default=".")
@output_option
def init(folder: str, output: str) -> None:
    """Make a folder (by default the current one) a project, with a file .mlem.yaml.

    Its .gitignore excludes states.
    """
    path, made = init_project(Path(folder).resolve())
    words = "made" if made else "is already a project:"
    print_result(output, {"config": str(path), "created": made}, f"{words} {shown(path)}")
