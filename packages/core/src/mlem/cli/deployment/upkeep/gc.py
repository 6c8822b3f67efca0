"""``mlem deployment gc``: what is expired, or not declared any more, is removed."""

from __future__ import annotations

from collections.abc import Sequence

import click

from mlem.cli.deployment.handles import parallel_option
from mlem.cli.deployment.results import results_in_markdown
from mlem.cli.deployment.several import Result, for_each
from mlem.cli.parameters.changes import lock_of, lock_options
from mlem.cli.terminal.messages import note, say
from mlem.cli.terminal.output import output_option, print_result, project_option, table, verbose_option
from mlem.cli.terminal.progress import Report
from mlem.deployments.overview.selection import Selected
from mlem.deployments.upkeep.garbage import Garbage, find_garbage


@click.command()
@click.option("--dry-run", is_flag=True, help="Show what would be removed, and remove nothing.")
@click.option("--undeclared", is_flag=True, help="Remove also what may be declared in another clone.")
@click.option("--state", "store", metavar="URI", help='The store; "local" for files.  [default: the project\'s]')
@parallel_option
@project_option
@lock_options
@verbose_option
@output_option
def gc(
    dry_run: bool,
    undeclared: bool,
    store: str | None,
    parallel: int,
    project: str | None,
    lock_timeout: float | None,
    lock_id: str | None,
    output: str,
) -> int:
    """Remove what has expired (--ttl), and what this project does not declare any more."""
    found = find_garbage(project, store)
    going = [one for one in found if one.sure or undeclared]
    if dry_run:
        _show(found, going, output)
        return 0
    seen = {one.name: one for one in going}
    for one in found:
        if one.name not in seen:
            note(f"{one.name} is kept: {one.why} (--undeclared removes it)")

    def work(one: Selected, report: Report) -> Result:
        garbage = seen[one.name]
        removed = one.handle(report=report, lock=lock_of(lock_timeout, lock_id)).remove(expected=garbage.state)
        words = f"{one.name} is removed: {garbage.why}" if removed else f"{one.name} is not deployed any more"
        return Result(
            one.name,
            {"name": one.name, "removed": removed, "why": garbage.why},
            words,
            done="is removed" if removed else "is not deployed any more",
        )

    if not going and output == "text":
        say("nothing to remove")
    return for_each([one.selected for one in going], work, output, parallel=parallel, summary=results_in_markdown)


def _show(found: Sequence[Garbage], going: Sequence[Garbage], output: str) -> None:
    rows = [[one.name, "remove" if one in going else "keep", one.why] for one in found]
    data = [{"name": name, "action": action, "why": why} for name, action, why in rows]
    print_result(output, data, table(rows, ["name", "action", "why"]) if rows else "nothing to remove")
