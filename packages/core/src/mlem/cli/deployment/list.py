"""``mlem deployment list``: every deployment of a project or of a store."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime

import click

from mlem.cli.terminal import traces
from mlem.cli.terminal.output import output_option, print_result, project_option, table
from mlem.deployments.overview.listing import LIMIT_S, list_deployments
from mlem.deployments.overview.summary import DeploymentSummary

_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


@click.command("list")
@click.option("--state", "uri", metavar="URI", help="List what is in this store instead, whoever declares it.")
@click.option("--all", "everything", is_flag=True, help="List what is in the project's store, too.")
@click.option("--check", is_flag=True, help="Exit with 10 unless all of them are declared and running.")
@click.option(
    "--timeout", "limit_s", type=click.FloatRange(min=0.1), default=LIMIT_S, help="How many seconds each may take."
)
@project_option
@output_option
def list_(uri: str | None, everything: bool, check: bool, limit_s: float, project: str | None, output: str) -> int:
    """List deployments with their status: those that are declared in the project, or those of a store."""
    found = list_deployments(project, state=uri, everything=everything, limit_s=limit_s, on_error=traces.show)
    heads = ["name", "type", "model", "release", "status", "url", "age", "by", "note"]
    text = table([_row(one) for one in found], heads) if found else _nothing(uri, everything)
    print_result(output, [asdict(one) for one in found], text)
    return 10 if check and not all(one.is_right for one in found) else 0


def _row(one: DeploymentSummary) -> list[str]:
    release = "" if one.release is None else str(one.release)
    return [
        one.name,
        one.type or "",
        one.model or "",
        release,
        one.status,
        one.url or "",
        _age(one.since),
        one.by,
        _note(one),
    ]


def _note(one: DeploymentSummary) -> str:
    words = [
        one.error or one.reason,
        f"overlays: {', '.join(one.overlays)}" if one.overlays and one.release is None else "",
        "" if one.declared else "not declared here",
        f"locked by {one.locked_by}" if one.locked_by else "",
    ]
    return "; ".join(filter(None, words))


def _age(since: str | None) -> str:
    """Return how long ago a time of a state was, in its largest unit."""
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(since or "")).total_seconds()
    except (ValueError, TypeError):
        return ""
    unit, length = next(((unit, length) for unit, length in _UNITS if seconds >= length), ("s", 1))
    return f"{max(0, int(seconds // length))} {unit}"


def _nothing(uri: str | None, everything: bool) -> str:
    if uri:
        return f"no deployments in {uri}"
    return "no deployments are declared here" + (", and none is in the project's store" if everything else "")
