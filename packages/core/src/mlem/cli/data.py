"""Data for a method, and its answer: what ``mlem apply`` and ``mlem deployment apply`` share."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mlem.cli.output import output_option, project_option
from mlem.errors import UserError

if TYPE_CHECKING:
    from mlem.model import Method

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def data_options(command: CommandT) -> CommandT:
    """Add DATA and the options about it, the method and the answer to a command."""
    options = [
        click.argument("data", metavar="DATA"),
        click.option("--method", "-m", default="predict", help="The method to call."),
        click.option("--format", "format_", default=None, help="Format of DATA: csv, json, npy, parquet.  [default: from its name]"),
        click.option("--save", "-o", "target", metavar="FILE", default=None, help="Write the answer to a file: csv, json, npy, parquet."),
        project_option,
        output_option,
    ]
    for option in reversed(options):
        command = option(command)
    return command


def read_argument(method: Method, data: str, format_: str | None) -> Any:
    """Read data for a method's only argument.

    Raises:
        UserError: The method takes several arguments, or the data can't be read.
    """
    from mlem.datasets import read_data

    if len(method.args) != 1:
        names = ", ".join(argument.name for argument in method.args)
        raise UserError(f"the method takes {len(method.args)} arguments ({names}): call it from Python", code="bad-arguments")
    return read_data(data, method.args[0].data_type, format=format_)


def print_answer(method: Method, answer: Any, target: str | None) -> None:
    """Print an answer as JSON on one line, or write it to a file."""
    if target is not None:
        from mlem.datasets import write_data

        write_data(answer, target)
        click.echo(f"saved {target}", err=True)
        return
    click.echo(json.dumps(method.returns.encode(answer), ensure_ascii=False))
