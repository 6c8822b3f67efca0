"""``mlem plugin``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import click

from mlem.cli.plugins.check import check
from mlem.cli.terminal.output import output_option, print_result
from mlem_model.errors import ConflictError, PluginError, UserError
from mlem_model.objects.files import shown, unusable

TEMPLATES = Path(__file__).parents[2] / "templates"
MOST_CHARACTERS = 30


@click.group()
def plugin() -> None:
    """Begin a plugin of your own, and see what its tests show."""


@plugin.command()
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(sorted(path.name for path in TEMPLATES.iterdir()) if TEMPLATES.is_dir() else []),
    default="provider",
    help="What it brings.",
)
@click.option("--folder", default=".", metavar="DIR", help="Where its folder is made.")
@output_option
def new(name: str, kind: str, folder: str, output: str) -> None:
    """Make a distribution of a plugin: it installs, passes its tests, and is yours to change.

    NAME is the word that users type, in small letters and digits: nimbus makes mlem-provider-nimbus. Nothing is
    fetched.
    """
    if not (name.isascii() and name.isalnum() and name[0].isalpha() and name == name.lower()):
        raise UserError(
            f'"{name}" is not a word for a plugin', code="bad-name", hint="small letters and digits, a letter first"
        )
    if len(name) > MOST_CHARACTERS:
        raise UserError(f"a plugin's word has at most {MOST_CHARACTERS} letters", code="bad-name")
    made = Path(folder).resolve() / f"mlem-{kind}-{name}"
    if made.exists():
        raise ConflictError(f"{shown(made)} exists", code="exists", hint="another name, or --folder DIR")
    try:
        from cookiecutter.exceptions import CookiecutterException
        from cookiecutter.generate import generate_files
    except ImportError as error:
        raise PluginError(
            "cookiecutter is not installed: it fills in templates", hint="pip install 'mlem-core[new]'"
        ) from error
    words = {"word": name, "name": name.capitalize(), "variable": name.upper(), "_nothing": ""}
    try:
        made.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".mlem-", dir=made.parent) as work:
            generate_files(str(TEMPLATES / kind), {"cookiecutter": words}, work, accept_hooks=False)
            os.rename(Path(work) / made.name, made)
    except OSError as error:
        raise unusable(made, error, "make") from error
    except CookiecutterException as error:
        raise PluginError(f"the template can't be filled in: {error}", code="plugin-failed") from error
    text = f"""made {shown(made)}

  cd {shown(made)}
  pip install -e '.[test]'
  ruff check . && mypy && pytest -n 2"""
    print_result(output, {"folder": str(made), "kind": kind}, text)


plugin.add_command(check)
