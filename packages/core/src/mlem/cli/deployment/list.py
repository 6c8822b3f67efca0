"""``mlem deployment list``: every deployment of the project."""

from __future__ import annotations

import click

from mlem.api import deployments
from mlem.cli.deployment.handles import handle
from mlem.cli.terminal import traces
from mlem.cli.terminal.output import output_option, print_result, project_option, table
from mlem.deployments.execution import engine
from mlem_model.errors import MlemError


@click.command("list")
@project_option
@output_option
def list_(project: str | None, output: str) -> None:
    """List the deployments that are declared in the project, with their status."""
    data = []
    for name, path in deployments(project):
        try:
            one = handle(str(path), None)
            row = {
                "name": name,
                "type": one.deployment.type,
                "status": engine.status(one.target)[0].phase.value,
                "error": None,
            }
        except MlemError as error:  # one broken declaration must not hide the others
            traces.show(error)
            row = {"name": name, "type": None, "status": "unknown", "error": error.message}
        data.append(row)
    rows = [[row["name"] or "", row["type"] or "", row["status"] or "", row["error"] or ""] for row in data]
    print_result(
        output, data, table(rows, ["name", "type", "status", ""]) if rows else "no deployments are declared here"
    )
