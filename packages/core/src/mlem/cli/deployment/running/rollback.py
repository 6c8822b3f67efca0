"""``mlem deployment rollback``: an earlier release is put back."""

from __future__ import annotations

from typing import Any

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.deployment.results import results_in_markdown
from mlem.cli.deployment.several import Result, for_one
from mlem.cli.parameters.changes import lock_of, lock_options, release_options, run_options_of
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.output import output_option, project_option, verbose_option
from mlem.cli.terminal.progress import Report


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option(
    "--to", "number", type=int, default=None, help="The release to put back.  [default: the one before the current]"
)
@state_option
@project_option
@lock_options
@release_options
@verbose_option
@output_option
def rollback(
    name: str,
    number: int | None,
    store: str | None,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
    **said: Any,
) -> None:
    """Put an earlier release back, and wait until it gives the right answer."""

    def work(report: Report) -> Result:
        one = handle(name, project, store, report=report, lock=lock_of(lock_timeout, lock_id))
        release = one.rollback(number, run_options_of(said))
        data = {
            "name": name,
            "release": release.number,
            "model_hash": release.model_hash,
            "rollback_of": release.rollback_of,
        }
        text = (
            f"release {release.rollback_of} (model {release.model_hash}) serves again, as release {release.number}\n"
            f"to undo this: mlem deployment rollback {name}"
        )
        return Result(name, data, text, done=f"release {release.rollback_of} serves again")

    for_one(name, work, output, results_in_markdown)
