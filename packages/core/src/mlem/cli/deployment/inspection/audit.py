"""``mlem deployment audit``."""

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
def audit(name: str, store: str | None, project: str | None, output: str) -> None:
    """List what happened, newest first: runs, also failed ones, rollbacks, restarts, locks taken by hand or over."""
    events = list(reversed(handle(name, project, store).history()))
    rows = [
        [
            event.at,
            event.what,
            event.outcome,
            "" if event.release is None else str(event.release),
            event.by,
            event.words.split("\n")[0],
        ]
        for event in events
    ]
    text = table(rows, ["when", "what", "outcome", "serves", "by", "why"]) if rows else "nothing is on record"
    print_result(output, [event.model_dump(mode="json") for event in events], text)
