"""``mlem deployment``: the group, and the commands that look at deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mlem.cli.main import LazyGroup
from mlem.cli.parameters.names import ObjectName
from mlem.cli.terminal import traces
from mlem.cli.terminal.messages import say
from mlem.cli.terminal.output import output_option, print_result, progress, project_option, table
from mlem.cli.terminal.streams import reader_is_gone

if TYPE_CHECKING:
    from mlem.deployments.handle import DeploymentHandle

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("mlem.cli.deployment.run:run", "Deploy: from options, or what is declared (--load)."),
    "plan": ("mlem.cli.deployment.run:plan", "Show what a run would change."),
    "status": ("mlem.cli.deployment.group:status", "Show what a deployment is doing."),
    "wait": ("mlem.cli.deployment.group:wait", "Wait for a status."),
    "logs": ("mlem.cli.deployment.group:logs", "Show the log of a deployment."),
    "apply": ("mlem.cli.deployment.apply:apply", "Call a method of a deployed model with data from a file."),
    "releases": ("mlem.cli.deployment.group:releases", "List the releases that can be put back."),
    "rollback": ("mlem.cli.deployment.run:rollback", "Put an earlier release back."),
    "restart": ("mlem.cli.deployment.restart:restart", "Restart what serves."),
    "remove": ("mlem.cli.deployment.run:remove", "Remove what is deployed; the declaration stays."),
    "list": ("mlem.cli.deployment.group:list_", "List the project's deployments."),
    "state": ("mlem.cli.deployment.state:state", "Move the state of a deployment, or push one that was kept."),
    "lock": ("mlem.cli.deployment.lock:lock", "Show, take or release the lock of a deployment."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def deployment() -> None:
    """Deploy models, and look after what is deployed."""


def handle(name: str, project: str | None, **options: Any) -> DeploymentHandle:
    """Return a handle of a declared deployment."""
    from mlem.deployments.handle import DeploymentHandle
    from mlem.project.project import locate

    return DeploymentHandle.of(locate(name, project), **options)


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@click.option("--check", is_flag=True, help="Exit with 10 unless the deployment is running.")
@project_option
@output_option
def status(name: str, check: bool, project: str | None, output: str) -> int:
    """Show what a deployment is doing: one word on stdout, the reason on stderr."""
    from mlem.deployments.deployment import Phase
    from mlem.deployments.execution import engine
    from mlem.state.locks.owner import is_dead

    one = handle(name, project)
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
@project_option
@output_option
def wait(name: str, statuses: tuple[str, ...], timeout_s: float, project: str | None, output: str) -> None:
    """Wait until a deployment has a status."""
    from mlem.deployments.deployment import Phase
    from mlem_model.errors import UserError

    words = [member.value for member in Phase]
    wrong = next((word for word in statuses if word not in words), None)
    if wrong is not None:
        raise UserError(f'no status "{wrong}"', known=words)
    with progress() as report:
        report(f"waiting up to {timeout_s:g} s for {' or '.join(statuses)}")
        seen = handle(name, project).wait([Phase(word) for word in statuses], timeout_s)
    print_result(output, {"status": seen.phase.value, "reason": seen.reason}, seen.phase.value)


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@click.option("--follow", "-f", is_flag=True, help="Wait for new lines until Ctrl-C.")
@click.option(
    "--tail", type=click.IntRange(min=0), default=None, help="Show only this many last lines.  [default: all]"
)
@project_option
def logs(name: str, follow: bool, tail: int | None, project: str | None) -> None:
    """Show the log of a deployment."""
    for line in handle(name, project).logs(follow=follow, tail=tail):
        say(line)
        if reader_is_gone():
            return


@click.command()
@click.argument("name", type=ObjectName("deployment"))
@project_option
@output_option
def releases(name: str, project: str | None, output: str) -> None:
    """List the releases that can be put back, newest first; the first one is serving."""
    found = handle(name, project).releases()
    rows = [
        [str(one.number), one.created, one.model_hash, f"rollback to {one.rollback_of}" if one.rollback_of else ""]
        for one in found
    ]
    data = [
        {"number": one.number, "created": one.created, "model_hash": one.model_hash, "rollback_of": one.rollback_of}
        for one in found
    ]
    print_result(output, data, table(rows, ["release", "created", "model", "note"]) if rows else "no releases")


@click.command("list")
@project_option
@output_option
def list_(project: str | None, output: str) -> None:
    """List the deployments that are declared in the project, with their status."""
    from mlem.api import deployments
    from mlem.deployments.execution import engine
    from mlem_model.errors import MlemError

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
