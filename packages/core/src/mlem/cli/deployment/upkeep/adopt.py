"""``mlem deployment adopt``: what somebody else deployed."""

from __future__ import annotations

import click

from mlem.cli.parameters.changes import lock_of, lock_options
from mlem.cli.parameters.names import ObjectName
from mlem.cli.terminal.messages import note
from mlem.cli.terminal.output import output_option, print_result, project_option, verbose_option
from mlem.cli.terminal.progress import progress
from mlem.deployments.upkeep.adopting import adopt as take_over


@click.command()
@click.argument("type_", metavar="TYPE")
@click.argument("name", type=ObjectName("deployment"))
@click.option(
    "--from", "id_", metavar="ID", required=True, help="What to take over, as its platform calls it: a name or an id."
)
@click.option("--model", metavar="MODEL", type=ObjectName("model"), help="The model that the next run deploys.")
@click.option("--env", metavar="ENV", type=ObjectName("env"), help="Where it is: the name of a declared env.")
@project_option
@lock_options
@verbose_option
@output_option
def adopt(
    type_: str,
    name: str,
    id_: str,
    model: str | None,
    env: str | None,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
) -> None:
    """Take over what somebody else deployed: it is NAME from now on, and the next run replaces it.

    What serves goes on as it is. What mlem deployed itself is put on record again by: mlem deployment state recover.
    """
    values = {key: value for key, value in (("model", model), ("env", env)) if value is not None}
    with progress() as report:
        one, adopted = take_over(
            type_, name, id_, values, project=project, report=report, lock=lock_of(lock_timeout, lock_id)
        )
    data = {"name": one.name, "what": adopted.what, "fields": dict(adopted.fields), "notes": list(adopted.notes)}
    print_result(output, data, f"{one.name} is now {adopted.what}")
    for line in adopted.notes:
        note(line)
    note(f"what a run replaces: mlem deployment plan {one.name}")
