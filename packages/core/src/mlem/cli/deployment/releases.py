"""``mlem deployment releases``."""

from __future__ import annotations

import click

from mlem.cli.deployment.handles import handle
from mlem.cli.parameters.names import ObjectName
from mlem.cli.terminal.output import output_option, print_result, project_option, table


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@project_option
@output_option
def releases(name: str, project: str | None, output: str) -> None:
    """List the releases that can be put back, newest first; the first one is serving."""
    found = handle(name, project).releases()
    rows = [
        [str(one.number), one.created, one.model_hash, f"rollback to {one.rollback_of}" if one.rollback_of else ""]
        for one in found
    ]
    data = [
        {"number": one.number, "created": one.created, "model_hash": one.model_hash, "rollback_of": one.rollback_of}
        for one in found
    ]
    print_result(output, data, table(rows, ["release", "created", "model", "note"]) if rows else "no releases")
