"""``mlem deployment promote``: what one deployment serves, to another."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from mlem.cli.deployment.results import results_in_markdown
from mlem.cli.deployment.running.plan import changes_table
from mlem.cli.deployment.running.run import outcome_result
from mlem.cli.deployment.several import Result, for_one
from mlem.cli.parameters.changes import lock_of, lock_options, run_options, run_options_of
from mlem.cli.parameters.names import ObjectName
from mlem.cli.terminal.messages import note
from mlem.cli.terminal.output import output_option, print_result, project_option, verbose_option
from mlem.cli.terminal.progress import Report
from mlem.deployments.upkeep.promoting import prepare
from mlem.deployments.upkeep.promoting import promote as run_promotion


@click.command()
@click.argument("source", type=ObjectName("deployment"))
@click.argument("name", type=ObjectName("deployment"))
@click.option("--plan", "only_plan", is_flag=True, help="Show what it would do, and do nothing.")
@project_option
@lock_options
@run_options
@verbose_option
@output_option
def promote(
    source: str,
    name: str,
    only_plan: bool,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
    **said: Any,
) -> None:
    """Deploy on NAME what SOURCE serves: the newest release there that passed its gate.

    The model is the same, and on Docker and Heroku the image too: mlem deployment promote app@staging app@prod.
    """
    if only_plan:
        prepared = prepare(source, name, project)
        if prepared.note:
            note(prepared.note)
        changes = prepared.plan()
        data = {
            "name": prepared.handle.name,
            "source": prepared.promotion.source,
            "release": prepared.promotion.release,
            "model_hash": prepared.promotion.model_hash,
            "changes": [asdict(change) for change in changes],
        }
        print_result(output, data, changes_table(changes))
        return
    lock, options = lock_of(lock_timeout, lock_id), run_options_of(said)

    def work(report: Report) -> Result:
        return outcome_result(*run_promotion(source, name, project=project, report=report, lock=lock, options=options))

    for_one(name, work, output, results_in_markdown)
