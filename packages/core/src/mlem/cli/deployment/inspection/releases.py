"""``mlem deployment releases``."""

from __future__ import annotations

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.output import output_option, print_result, project_option, table


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@state_option
@project_option
@output_option
def releases(name: str, store: str | None, project: str | None, output: str) -> None:
    """List the releases that can be put back, newest first; the first one is serving."""
    found = handle(name, project, store).releases()
    data = [
        {
            "number": one.number,
            "created": one.created,
            "model_hash": one.model_hash,
            "rollback_of": one.rollback_of,
            "made": one.made.model_dump(mode="json", exclude={"ancestors"}) if one.made else None,
        }
        for one in found
    ]
    print_result(output, data, table(found.rows, found.header) if found else "no releases")
