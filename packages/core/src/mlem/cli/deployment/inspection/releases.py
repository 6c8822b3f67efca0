"""``mlem deployment releases``."""

from __future__ import annotations

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.output import output_option, print_result, project_option, table
from mlem.state.state import Release


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@state_option
@project_option
@output_option
def releases(name: str, store: str | None, project: str | None, output: str) -> None:
    """List the releases that can be put back, newest first; the first one is serving."""
    found = handle(name, project, store).releases()
    rows = [
        [
            str(one.number),
            one.created,
            one.model_hash,
            one.made.describe() if one.made else "",
            ". ".join(filter(None, [f"rollback to {one.rollback_of}" if one.rollback_of else "", _message(one)])),
        ]
        for one in found
    ]
    data = [
        {
            "number": one.number,
            "created": one.created,
            "model_hash": one.model_hash,
            "rollback_of": one.rollback_of,
            "made": one.made.model_dump(mode="json", exclude={"ancestors"}) if one.made else None,
        }
        for one in found
    ]
    print_result(output, data, table(rows, ["release", "created", "model", "by", "note"]) if rows else "no releases")


def _message(release: Release) -> str:
    return release.made.message if release.made else ""
