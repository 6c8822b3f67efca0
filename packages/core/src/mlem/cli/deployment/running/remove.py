"""``mlem deployment remove``: nothing of a deployment is left."""

from __future__ import annotations

import click

from mlem.cli.deployment.handles import chosen, names_argument, parallel_option, state_option
from mlem.cli.deployment.results import results_in_markdown
from mlem.cli.deployment.several import Result, for_each, for_one
from mlem.cli.parameters.changes import lock_of, lock_options
from mlem.cli.terminal.output import output_option, project_option, verbose_option
from mlem.cli.terminal.progress import Report
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.overview.selection import Selected


@click.command()
@names_argument
@click.option(
    "--forget",
    is_flag=True,
    help="If its machine or account is gone for good: erase the record, and touch nothing else.",
)
@parallel_option
@state_option
@project_option
@lock_options
@verbose_option
@output_option
def remove(
    names: tuple[str, ...],
    everything: bool,
    overlay: str | None,
    forget: bool,
    parallel: int,
    store: str | None,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
) -> int:
    """Remove what is deployed; the declaration stays. Removing twice is fine."""
    selected, single = chosen(names, everything, project, store, overlay)

    def work(one: Selected, report: Report) -> Result:
        found = one.handle(report=report, lock=lock_of(lock_timeout, lock_id))
        return _forget(found) if forget else _remove(found)

    if not single:
        return for_each(selected, work, output, parallel=parallel, summary=results_in_markdown)
    only = selected[0]
    return for_one(only.name, lambda report: work(only, report), output, results_in_markdown).exit_code


def _remove(one: DeploymentHandle) -> Result:
    removed = one.remove()
    words = "is removed" if removed else "is not deployed"
    return Result(one.name, {"name": one.name, "removed": removed}, f"{one.name} {words}", done=words)


def _forget(one: DeploymentHandle) -> Result:
    forgotten = one.forget()
    where = forgotten.place.words if forgotten and forgotten.place else "its platform"
    words = f"is forgotten: what is on {where} stays as it is" if forgotten else "is not deployed"
    data = {"name": one.name, "removed": False, "forgotten": forgotten is not None}
    done = "is forgotten" if forgotten else words
    return Result(one.name, data, f"{one.name} {words}", done=done)
