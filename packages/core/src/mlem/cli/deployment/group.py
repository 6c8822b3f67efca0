"""``mlem deployment``: the group."""

from __future__ import annotations

import click

from mlem.cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("mlem.cli.deployment.run:run", "Deploy: from options, or what is declared (--load)."),
    "plan": ("mlem.cli.deployment.run:plan", "Show what a run would change."),
    "status": ("mlem.cli.deployment.status:status", "Show what a deployment is doing."),
    "wait": ("mlem.cli.deployment.status:wait", "Wait for a status."),
    "logs": ("mlem.cli.deployment.logs:logs", "Show the log of a deployment."),
    "apply": ("mlem.cli.deployment.apply:apply", "Call a method of a deployed model with data from a file."),
    "promote": ("mlem.cli.deployment.promote:promote", "Deploy what another deployment serves."),
    "releases": ("mlem.cli.deployment.releases:releases", "List the releases that can be put back."),
    "rollback": ("mlem.cli.deployment.run:rollback", "Put an earlier release back."),
    "restart": ("mlem.cli.deployment.restart:restart", "Restart what serves."),
    "remove": ("mlem.cli.deployment.run:remove", "Remove what is deployed; the declaration stays."),
    "list": ("mlem.cli.deployment.list:list_", "List the project's deployments."),
    "state": ("mlem.cli.deployment.state:state", "Move the state of a deployment, or push one that was kept."),
    "lock": ("mlem.cli.deployment.lock:lock", "Show, take or release the lock of a deployment."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def deployment() -> None:
    """Deploy models, and look after what is deployed."""
