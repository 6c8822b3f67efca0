"""``mlem deployment apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlem.cli.data import data_options, print_answer, read_argument
from mlem.cli.deployment import handle
from mlem.cli.output import progress

if TYPE_CHECKING:
    from mlem.client import Client


@click.command()
@click.argument("name")
@click.option(
    "--batch-rows",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Rows of a request, where the answer is written to a file and the method answers row by row.",
)
@data_options
def apply(
    name: str, data: str, method: str, format_: str | None, target: str | None, project: str | None, output: str, batch_rows: int
) -> None:
    """Call a method of a deployed model with DATA: a file (csv, json, npy, parquet), a saved data object, or - for stdin."""
    with handle(name, project).get_client() as client:
        described = client.interface.method(method)
        if target is not None and described.rowwise:
            _apply_in_parts(client, method, data, format_, Path(target), batch_rows)
            return
        value = read_argument(described, data, format_)
        print_answer(described, client.call(method, value), target)


def _apply_in_parts(client: Client, method: str, data: str, format_: str | None, target: Path, batch_rows: int) -> None:
    """Ask and write part by part: the table may be longer than the memory."""
    from mlem.table_parts import PartsWriter, read_parts

    described = client.interface.method(method)
    takes, returns = described.args[0].data_type, described.returns
    done = 0
    with progress() as report, PartsWriter(target, returns) as writer:
        for answer in client.call_in_parts(method, read_parts(data, takes, batch_rows, format=format_)):
            writer.write(answer)
            done += returns.rows(answer) or 0
            report(f"{done} rows")
    click.echo(f"saved {target}", err=True)
