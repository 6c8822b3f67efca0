"""``mlem deployment``: the group."""

from __future__ import annotations

import click

from mlem.cli.main import LazyGroup

COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("mlem.cli.deployment.running.run:run", "Deploy: from options, or what is declared (--load)."),
    "plan": ("mlem.cli.deployment.running.plan:plan", "Show what a run would change."),
    "status": ("mlem.cli.deployment.inspection.status:status", "Show what a deployment is doing."),
    "wait": ("mlem.cli.deployment.inspection.status:wait", "Wait for a status."),
    "logs": ("mlem.cli.deployment.inspection.logs:logs", "Show the log of a deployment."),
    "exec": ("mlem.cli.deployment.inspection.exec:exec_", "Run a command where the model is served."),
    "shell": ("mlem.cli.deployment.inspection.exec:shell", "Open a shell where the model is served."),
    "open": ("mlem.cli.deployment.inspection.open:open_", "Open the page of a deployment in the browser."),
    "apply": ("mlem.cli.deployment.apply:apply", "Call a method of a deployed model with data from a file."),
    "promote": ("mlem.cli.deployment.running.promote:promote", "Deploy what another deployment serves."),
    "adopt": ("mlem.cli.deployment.upkeep.adopt:adopt", "Take over what somebody else deployed."),
    "releases": ("mlem.cli.deployment.inspection.releases:releases", "List the releases that can be put back."),
    "audit": ("mlem.cli.deployment.inspection.audit:audit", "List what happened to a deployment."),
    "receipt": ("mlem.cli.deployment.inspection.receipt:receipt", "Print what serves, with digests, as JSON."),
    "rollback": ("mlem.cli.deployment.running.rollback:rollback", "Put an earlier release back."),
    "restart": ("mlem.cli.deployment.running.restart:restart", "Restart what serves."),
    "maintenance": (
        "mlem.cli.deployment.running.maintenance:maintenance",
        "Show callers a page that asks for patience.",
    ),
    "remove": ("mlem.cli.deployment.running.remove:remove", "Remove what is deployed; the declaration stays."),
    "list": ("mlem.cli.deployment.inspection.list:list_", "List the project's deployments."),
    "gc": ("mlem.cli.deployment.upkeep.gc:gc", "Remove what has expired, or is not declared any more."),
    "state": (
        "mlem.cli.deployment.upkeep.state:state",
        "Move, rename, forget or recover the state of a deployment.",
    ),
    "lock": ("mlem.cli.deployment.upkeep.lock:lock", "Show, take or release the lock of a deployment."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def deployment() -> None:
    """Deploy models, and look after what is deployed."""
