"""``mlem deployment logs``."""

from __future__ import annotations

from datetime import datetime, timedelta

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.moments import Moment
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
@click.option(
    "--since",
    metavar="WHEN",
    type=Moment(),
    help="Leave out what was written before: a duration (90min, 2h), or a time (2026-11-27T10:00).",
)
@click.option("--previous", "-p", is_flag=True, help="Of what ran before the last crash, restart or run.")
@state_option
@project_option
def logs(
    name: str,
    follow: bool,
    tail: int | None,
    since: datetime | timedelta | None,
    previous: bool,
    store: str | None,
    project: str | None,
) -> None:
    """Show the log of a deployment."""
    for line in handle(name, project, store).logs(follow=follow, tail=tail, since=since, previous=previous):
        say(line)
        if reader_is_gone():
            return
