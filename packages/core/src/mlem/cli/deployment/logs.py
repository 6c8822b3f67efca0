"""``mlem deployment logs``."""

from __future__ import annotations

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.messages import say
from mlem.cli.terminal.output import project_option
from mlem.cli.terminal.streams import reader_is_gone


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option("--follow", "-f", is_flag=True, help="Wait for new lines until Ctrl-C.")
@click.option(
    "--tail", type=click.IntRange(min=0), default=None, help="Show only this many last lines.  [default: all]"
)
@state_option
@project_option
def logs(name: str, follow: bool, tail: int | None, store: str | None, project: str | None) -> None:
    """Show the log of a deployment."""
    for line in handle(name, project, store).logs(follow=follow, tail=tail):
        say(line)
        if reader_is_gone():
            return
