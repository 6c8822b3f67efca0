"""``mlem deployment apply``."""

from __future__ import annotations

from typing import Any

import click

from mlem.cli.deployment import handle
from mlem.cli.output import output_option, project_option


@click.command()
@click.argument("name")
@click.argument("data", metavar="DATA")
@click.option("--method", "-m", default="predict", help="The method to call.")
@click.option("--format", "format_", default=None, help="Format of DATA: csv, json, npy, parquet.  [default: from its name]")
@click.option("--save", "-o", "target", metavar="FILE", default=None, help="Write the answer to a file: csv, json, npy, parquet.")
@project_option
@output_option
def apply(name: str, data: str, method: str, format_: str | None, target: str | None, project: str | None, output: str) -> None:
    """Call a method of a deployed model with DATA: a file (csv, json, npy, parquet), a saved data object, or - for stdin."""
    with handle(name, project).get_client() as client:
        described = client.interface.method(method)
        value = read_argument(described, data, format_)
        answer = client.call(method, value)
        print_answer(described.returns, answer, target, output)


def read_argument(described: Any, data: str, format_: str | None) -> Any:
    """Read data for a method's only argument."""
    from mlem.datasets import read_data
    from mlem.errors import UserError

    if len(described.args) != 1:
        names = ", ".join(argument.name for argument in described.args)
        raise UserError(f"the method takes {len(described.args)} arguments ({names}): call it from Python", code="bad-arguments")
    return read_data(data, described.args[0].data_type, format=format_)


def print_answer(returns: Any, answer: Any, target: str | None, output: str) -> None:
    """Print an answer as JSON on one line, or write it to a file."""
    import json

    if target is not None:
        from mlem.datasets import write_data

        write_data(answer, target)
        click.echo(f"saved {target}", err=True)
        return
    click.echo(json.dumps(returns.encode(answer), ensure_ascii=False))
