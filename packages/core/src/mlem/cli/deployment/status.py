"""``mlem deployment status`` and ``wait``: what a deployment is doing."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.names import ObjectName
from mlem.cli.parameters.overlay import overlay_option
from mlem.cli.terminal.messages import say
from mlem.cli.terminal.output import output_option, print_result, progress, project_option
from mlem.deployments.deployment import Phase
from mlem.deployments.overview.summary import DeploymentSummary, asked
from mlem_model.errors import UserError


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option("--check", is_flag=True, help="Exit with 10 unless the deployment is running.")
@state_option
@project_option
@output_option
def status(name: str, check: bool, store: str | None, project: str | None, output: str) -> int:
    """Show what a deployment is doing: one word on stdout, the reason on stderr; on a terminal also what serves."""
    target = handle(name, project, store).target
    found = asked(target, target.read_state(), declared=target.declared)
    if output == "json":
        print_result(output, asdict(found), "")
    else:
        say(found.status)
        if found.reason:
            say(found.reason, err=True)
        if found.locked_by:
            say(f"locked by {found.locked_by}", err=True)
        if sys.stdout.isatty():
            for line in _details(found):
                say(line)
    return 10 if check and found.status != Phase.RUNNING.value else 0


def _details(found: DeploymentSummary) -> Iterator[str]:
    """Say to a person what serves, where, since when, and who made it."""
    if found.release is not None:
        yield f"release {found.release}, model {found.model} ({found.model_hash})"
        yield f"since {found.since}" + (f", by {found.by}" if found.by else "")
    if found.url:
        yield found.url


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@overlay_option()
@click.option(
    "--status", "-s", "statuses", multiple=True, default=("running",), help="A status to wait for; may be repeated."
)
@click.option("--timeout", "timeout_s", type=click.FloatRange(min=0), default=300.0, help="How many seconds to wait.")
@state_option
@project_option
@output_option
def wait(
    name: str,
    statuses: tuple[str, ...],
    timeout_s: float,
    store: str | None,
    project: str | None,
    output: str,
) -> None:
    """Wait until a deployment has a status."""
    words = [member.value for member in Phase]
    wrong = next((word for word in statuses if word not in words), None)
    if wrong is not None:
        raise UserError(f'no status "{wrong}"', known=words)
    with progress() as report:
        report(f"waiting up to {timeout_s:g} s for {' or '.join(statuses)}")
        seen = handle(name, project, store).wait([Phase(word) for word in statuses], timeout_s)
    print_result(output, {"status": seen.phase.value, "reason": seen.reason}, seen.phase.value)
