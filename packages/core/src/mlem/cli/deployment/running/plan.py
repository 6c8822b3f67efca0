"""``mlem deployment plan``: what a run would change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING

import click

from mlem.cli.deployment.handles import chosen, names_argument, parallel_option
from mlem.cli.deployment.results import plans_in_markdown
from mlem.cli.deployment.several import Result, for_each, for_one
from mlem.cli.parameters.names import ObjectName
from mlem.cli.terminal.output import outputs_option, project_option, table
from mlem.cli.terminal.progress import Report
from mlem.deployments.deploying import declared
from mlem.deployments.execution.kept_protection import planned_protection
from mlem.deployments.handle import DeploymentHandle
from mlem.deployments.notebook.plan import Plan
from mlem_model.errors import UserError
from mlem_model.objects.files import write_atomic

if TYPE_CHECKING:
    from mlem.deployments.overview.selection import Selected
    from mlem.deployments.step import Change, Difference


@click.command()
@names_argument
@click.option("--model", metavar="MODEL", type=ObjectName("model"), help="A model other than the declared one.")
@click.option("--env", metavar="ENV", type=ObjectName("env"), help="An env other than the declared one.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 10 when a run would change something.")
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Keep the plan, for mlem deployment run --plan FILE.",
)
@parallel_option
@project_option
@outputs_option("text", "json", "markdown")
def plan(
    names: tuple[str, ...],
    everything: bool,
    overlay: str | None,
    model: str | None,
    env: str | None,
    detailed_exitcode: bool,
    out: Path | None,
    parallel: int,
    project: str | None,
    output: str,
) -> int:
    """Show what a run would create, update, replace or remove, why, and the downtime for callers."""
    selected, single = chosen(names, everything, project, overlay=overlay)
    if not single and out is not None:
        raise UserError("--out keeps the plan of one deployment", hint="name that one alone")

    def work(one: Selected, _report: Report) -> Result:
        result = _plan(one, model, env, project, out, detailed_exitcode=detailed_exitcode)
        return result if single else replace(result, text=f"{one.name}:\n{indent(result.text, '  ')}")

    if not single:
        return for_each(selected, work, output, parallel=parallel, summary=plans_in_markdown)
    one = selected[0]
    return for_one(one.name, lambda report: work(one, report), output, plans_in_markdown).exit_code


def _plan(
    selected: Selected,
    model: str | None,
    env: str | None,
    project: str | None,
    out: Path | None,
    *,
    detailed_exitcode: bool,
) -> Result:
    values = {key: value for key, value in (("model", model), ("env", env)) if value is not None}
    one = selected.handle()
    if values:
        declaration = declared(None, selected.source, values, project)
        one = DeploymentHandle.of(declaration.place, declaration.deployment)
    changes, planned = one.keep_plan(model, env)
    if out is not None:
        write_atomic(out, planned.to_bytes())
    protection = planned_protection(changes)
    words = "".join(
        f"\n{key}: {_become(value)}"
        for key, value in (protection or {}).items()
        if key == "tokens" or value.old or value.new
    )
    text = changes_table(changes) + words + ("" if changes.differs else "\nnothing to change")
    data = {
        "name": one.name,
        "changes": [asdict(change) for change in changes],
        "protection": None if protection is None else {key: asdict(value) for key, value in protection.items()},
        "differs": changes.differs,
    }
    return Result(one.name, data, text, 10 if detailed_exitcode and changes.differs else 0)


def changes_table(changes: Sequence[Change]) -> str:
    """Lay out what would happen to each resource."""
    shown = Plan(changes)
    return table(shown.rows, shown.header)


def _become(one: Difference) -> str:
    """Say how a protection changes: ``yes``, or ``yes -> none``."""
    old, new = one.old or "none", one.new or "none"
    return old if old == new else f"{old} -> {new}"
