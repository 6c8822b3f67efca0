"""``mlem deployment status`` and ``wait``: what a deployment is doing."""

from __future__ import annotations

import click

from mlem.cli.deployment.handles import handle, state_option
from mlem.cli.parameters.names import ObjectName
from mlem.cli.terminal.messages import say
from mlem.cli.terminal.output import output_option, print_result, progress, project_option
from mlem.deployments.deployment import Phase
from mlem.deployments.execution import engine
from mlem.state.locks.owner import is_dead
from mlem_model.errors import UserError


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@click.option("--check", is_flag=True, help="Exit with 10 unless the deployment is running.")
@state_option
@project_option
@output_option
def status(name: str, check: bool, store: str | None, project: str | None, output: str) -> int:
    """Show what a deployment is doing: one word on stdout, the reason on stderr."""
    one = handle(name, project, store)
    seen, state = engine.status(one.target)
    running = seen.phase is Phase.RUNNING
    if output == "json":
        data = {
            "name": one.name,
            "type": one.deployment.type,
            "status": seen.phase.value,
            "reason": seen.reason,
            "url": one.address() if running else None,
            "model_hash": state.model_hash if state else None,
            "release": state.releases[0].number if state and state.releases else None,
            "locked_by": state.lock.describe() if state and state.lock else None,
        }
        print_result(output, data, "")
    else:
        say(seen.phase.value)
        if seen.reason:
            say(seen.reason, err=True)
        if state and state.lock and (state.lock.manual or not is_dead(state.lock)):
            say(f"locked by {state.lock.describe()}", err=True)
    return 10 if check and not running else 0


@click.command()
@click.argument("name", type=ObjectName("deployment"))
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
