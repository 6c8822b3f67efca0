"""``mlem deployment apply``."""

from __future__ import annotations

import click

from mlem.cli.data import data_options, print_answer, read_argument
from mlem.cli.deployment import handle


@click.command()
@click.argument("name")
@data_options
def apply(name: str, data: str, method: str, format_: str | None, target: str | None, project: str | None, output: str) -> None:
    """Call a method of a deployed model with DATA: a file (csv, json, npy, parquet), a saved data object, or - for stdin."""
    with handle(name, project).get_client() as client:
        described = client.interface.method(method)
        value = read_argument(described, data, format_)
        print_answer(described, client.call(method, value), target)
