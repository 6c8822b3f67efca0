"""``mlem deployment receipt``."""

from __future__ import annotations

import json

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.messages import say
from mlem.cli.terminal.output import output_option, project_option, to_json


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option(
    "--release", "number", type=int, default=None, help="The release's number.  [default: the one that serves]"
)
@state_option
@project_option
@output_option
def receipt(name: str, number: int | None, store: str | None, project: str | None, output: str) -> None:
    """Print as JSON what serves: digests of model, image and configuration, requirements, who made it and from what."""
    found = handle(name, project, store).receipt(number)
    say(to_json(found) if output == "json" else json.dumps(found, indent=2, default=str))
