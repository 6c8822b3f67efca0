"""``mlem deployment list``: every deployment of a project or of a store."""

from __future__ import annotations

from dataclasses import asdict

import click

from mlem.cli.deployment.inspection.table import summaries
from mlem.cli.terminal import traces
from mlem.cli.terminal.output import output_option, print_result, project_option
from mlem.deployments.overview.listing import LIMIT_S, list_deployments


@click.command("list")
@click.option("--state", "uri", metavar="URI", help="List what is in this store instead, whoever declares it.")
@click.option("--all", "everything", is_flag=True, help="List what is in the project's store, too.")
@click.option(
    "--check",
    is_flag=True,
    help="Look at each resource; exit with 10 unless all are declared, and run as they were left.",
)
@click.option(
    "--timeout", "limit_s", type=click.FloatRange(min=0.1), default=LIMIT_S, help="How many seconds each may take."
)
@project_option
@output_option
def list_(uri: str | None, everything: bool, check: bool, limit_s: float, project: str | None, output: str) -> int:
    """List deployments with their status: those that are declared in the project, or those of a store."""
    found = list_deployments(
        project, state=uri, everything=everything, limit_s=limit_s, drift=check, on_error=traces.show
    )
    text = summaries(found) if found else _nothing(uri, everything)
    print_result(output, [asdict(one) for one in found], text)
    return 10 if check and not all(one.is_right for one in found) else 0


def _nothing(uri: str | None, everything: bool) -> str:
    if uri:
        return f"no deployments in {uri}"
    return "no deployments are declared here" + (", and none is in the project's store" if everything else "")
