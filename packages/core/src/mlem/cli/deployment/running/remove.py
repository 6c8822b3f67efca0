"""``mlem deployment remove``: nothing of a deployment is left."""

from __future__ import annotations

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.changes import lock_of, lock_options
from mlem.cli.parameters.names import ObjectName
from mlem.cli.terminal.output import output_option, print_result, progress, project_option


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@click.option(
    "--forget",
    is_flag=True,
    help="If its machine or account is gone for good: erase the record, and touch nothing else.",
)
@state_option
@project_option
@lock_options
@output_option
def remove(
    name: str,
    forget: bool,
    store: str | None,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
) -> None:
    """Remove what is deployed; the declaration stays. Removing twice is fine."""
    with progress() as report:
        one = handle(name, project, store, report=report, lock=lock_of(lock_timeout, lock_id))
        if forget:
            forgotten = one.forget()
            where = forgotten.place.words if forgotten and forgotten.place else "its platform"
            text = f"{name} is forgotten: what is on {where} stays as it is" if forgotten else f"{name} is not deployed"
            print_result(output, {"name": name, "removed": False, "forgotten": forgotten is not None}, text)
            return
        removed = one.remove()
    print_result(
        output, {"name": name, "removed": removed}, f"{name} is removed" if removed else f"{name} is not deployed"
    )
