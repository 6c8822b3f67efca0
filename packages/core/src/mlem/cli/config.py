"""``mlem config``."""

from __future__ import annotations

from pathlib import Path

import click

from mlem.cli.terminal.output import output_option, print_result, project_option, table
from mlem.deployments.shared_state import concerns_store, set_store
from mlem.project.config import get_setting, set_setting, settings, unset_setting
from mlem.project.project import locate
from mlem_model.errors import NotFoundError, UserError


@click.group()
def config() -> None:
    """Read and write the project's settings (.mlem.yaml).

    Environment variables like MLEM_CORE__STATE__URI take precedence over it.
    """


def _root(project: str | None) -> Path:
    place = locate("x", project)
    if not place.in_project:
        raise NotFoundError(f"{place.root} is not in a project", code="no-project", hint="mlem init")
    return place.root


@config.command("set")
@click.argument("key")
@click.argument("value")
@click.option(
    "--unsafe", is_flag=True, help="Accept a store that can't exclude two writers; every run will warn of it."
)
@project_option
@output_option
def set_(key: str, value: str, unsafe: bool, project: str | None, output: str) -> None:
    """Write a setting, for example: mlem config set core.state.uri s3://bucket/path.

    A store is tried before it is accepted.
    """
    root = _root(project)
    if concerns_store(key):
        setting = set_store(root, key, value, unsafe=unsafe)
    elif unsafe:
        raise UserError("--unsafe is for core.state.uri")
    else:
        setting = set_setting(root, key, value)
    print_result(
        output,
        {"key": setting.key, "value": setting.value, "origin": setting.origin},
        f"{setting.key} = {setting.value}",
    )


@config.command()
@click.argument("key")
@click.option("--origin", is_flag=True, help="Show where the value comes from.")
@project_option
@output_option
def get(key: str, origin: bool, project: str | None, output: str) -> None:
    """Print a setting's value."""
    setting = get_setting(locate("x", project).root, key)
    text = "" if setting.value is None else str(setting.value)
    if origin:
        text = f"{text}\t{setting.origin} {setting.source}".rstrip()
    print_result(
        output, {"key": setting.key, "value": setting.value, "origin": setting.origin, "source": setting.source}, text
    )


@config.command("list")
@click.option("--origin", is_flag=True, help="Show where each value comes from.")
@project_option
@output_option
def list_(origin: bool, project: str | None, output: str) -> None:
    """Print every setting."""
    found = settings(locate("x", project).root)
    rows = [
        [
            setting.key,
            "" if setting.value is None else str(setting.value),
            *([setting.origin, setting.source] if origin else []),
        ]
        for setting in found
    ]
    header = ["key", "value", *(["origin", "source"] if origin else [])]
    data = [
        {"key": setting.key, "value": setting.value, "origin": setting.origin, "source": setting.source}
        for setting in found
    ]
    print_result(output, data, table(rows, header))


@config.command()
@click.argument("key")
@project_option
@output_option
def unset(key: str, project: str | None, output: str) -> None:
    """Remove a setting from the project's file, so that its default holds."""
    root = _root(project)
    if not unset_setting(root, key):
        raise NotFoundError(
            f'"{key}" is not set in {root / ".mlem.yaml"}', code="unknown-setting", hint="mlem config list --origin"
        )
    print_result(output, {"key": key}, f"{key} is unset")
