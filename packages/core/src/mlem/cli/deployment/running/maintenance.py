"""``mlem deployment maintenance``: callers get a page that asks for patience."""

from __future__ import annotations

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.changes import lock_of, lock_options
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.output import output_option, print_result, project_option
from mlem.cli.terminal.progress import progress


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@click.argument("mode", type=click.Choice(["on", "off"]), required=False)
@overlay_option()
@state_option
@project_option
@lock_options
@output_option
def maintenance(
    name: str,
    mode: str | None,
    store: str | None,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
) -> None:
    """Show callers a page that asks for patience (on), or let them through again (off); without either, say which.

    A run lets them through again: a release has to answer to pass its gate.
    """
    with progress() as report:
        one = handle(name, project, store, report=report, lock=lock_of(lock_timeout, lock_id))
        found = one.maintenance(None if mode is None else mode == "on")
    print_result(output, {"name": name, "maintenance": found}, "on" if found else "off")
