"""``mlem deployment apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlem.cli.deployment.handles import handle
from mlem.cli.parameters.data import EPILOG, CallCommand, data_options, form_of, noted, print_answer, reader_of
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.messages import note
from mlem.cli.terminal.progress import progress
from mlem_model.data.chunks import PartsWriter, read_parts
from mlem_model.models.method_choice import default_method

if TYPE_CHECKING:
    from mlem.clients.client import Client
    from mlem_model.models.calls.reader import CallReader, Given


@click.command(cls=CallCommand, epilog=EPILOG)
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option(
    "--batch-rows",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Rows per request, when the answer is written to a file and the method answers row by row.",
)
@click.option(
    "--max-answer-mib",
    type=click.FloatRange(min=0, min_open=True),
    help="How large an answer may be, in MiB; 1024 where it comes over HTTP.",
)
@data_options
@click.pass_context
def apply(
    ctx: click.Context,
    name: str,
    data: str | None,
    given: Given,
    method: str | None,
    format_: str | None,
    header: bool | None,
    separator: str | None,
    encoding: str | None,
    decimal: str | None,
    empty: str | None,
    strict: bool,
    target: str | None,
    project: str | None,
    output: str,
    batch_rows: int,
    max_answer_mib: float | None,
) -> None:
    """Call a method of a deployed model.

    DATA is the value of the method's only required argument, or all arguments as a JSON object: a file (csv, json, npy,
    parquet, bytes and images as they are), a saved data object, - for stdin, or JSON itself.
    """
    form = form_of(header=header, separator=separator, encoding=encoding, decimal=decimal, empty=empty)
    with handle(name, project).get_client(max_answer_mib=max_answer_mib) as client:
        called = method or default_method(client.methods)
        described = client.interface.method(called)
        reader = reader_of(ctx, described, called, format_, form)
        if target is not None and data is not None and not given and described.rowwise and reader.is_file(data):
            with noted(strict=strict):
                _apply_in_parts(client, reader, data, Path(target), batch_rows)
            return
        with noted(strict=strict):
            values = reader.read(data, given)
        print_answer(described, client.call(called, **values), target)


def _apply_in_parts(client: Client, reader: CallReader, data: str, target: Path, batch_rows: int) -> None:
    """Call the method and write the answer part by part: the table may be larger than the memory."""
    argument, returns = reader.method.args[0], reader.method.returns
    parts = read_parts(
        data, argument.data_type, batch_rows, format=reader.format, form=reader.form, argument=argument.name
    )
    done = 0
    with progress() as report, PartsWriter(target, returns) as writer:
        for answer in client.call_in_parts(reader.called, parts):
            writer.write(answer)
            done += returns.rows(answer) or 0
            report(f"{done} rows")
    note(f"saved {target}")
