"""``mlem deployment restart``."""

from __future__ import annotations

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.deployment.results import results_in_markdown
from mlem.cli.deployment.several import Result, for_one
from mlem.cli.parameters.changes import lock_of, lock_options
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.output import output_option, project_option, verbose_option
from mlem.cli.terminal.progress import Report


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@state_option
@project_option
@lock_options
@verbose_option
@output_option
def restart(
    name: str,
    store: str | None,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
) -> None:
    """Restart what serves, with the current values of passed variables, and wait until it gives the right answer."""

    def work(report: Report) -> Result:
        release = handle(name, project, store, report=report, lock=lock_of(lock_timeout, lock_id)).restart()
        data = {"name": name, "release": release.number, "model_hash": release.model_hash}
        text = f"release {release.number} (model {release.model_hash}) serves again"
        return Result(name, data, text, done="is restarted")

    for_one(name, work, output, results_in_markdown)
