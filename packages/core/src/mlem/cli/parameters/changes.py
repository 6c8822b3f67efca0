"""Options of commands that change a deployment: how they lock, and what is said about a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from mlem.deployments.execution.locking import LockOptions
from mlem.deployments.execution.options import RunOptions
from mlem.deployments.releases.planned import Planned

CommandT = TypeVar("CommandT", bound=Callable[..., Any])


def lock_options(command: CommandT) -> CommandT:
    """Add ``--lock-timeout`` and ``--lock-id`` to a command that changes a state."""
    command = click.option(
        "--lock-timeout",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help="Wait for another run this long.  [default: 600]",
    )(command)
    return click.option("--lock-id", metavar="ID", help="Name the lock, so that another command can release it.")(
        command
    )


def release_options(command: CommandT) -> CommandT:
    """Add what can be said about a command that makes a release; see `RunOptions`."""
    for option in (
        click.option("--drop-tls", is_flag=True, help="Stop using TLS, if the deployment uses it."),
        click.option("--drop-tokens", is_flag=True, help="Let everybody call what needs a token so far."),
        click.option(
            "--expect-release",
            type=click.IntRange(min=0),
            metavar="N",
            help="Refuse unless this release serves now; 0 for none.",
        ),
        click.option("--message", "-m", default="", metavar="TEXT", help="Why: it is kept with the release."),
    ):
        command = option(command)
    return command


def run_options(command: CommandT) -> CommandT:
    """Add what can be said about a run."""
    command = click.option("--again", is_flag=True, help="Deploy once more what was rolled back.")(command)
    help_ = "Deploy from a commit that is older than the one that serves."
    command = click.option("--no-hooks", is_flag=True, help="Run without the project's hooks (core.hooks).")(command)
    return release_options(click.option("--allow-older", is_flag=True, help=help_)(command))


def run_options_of(given: Mapping[str, Any], planned: Planned | None = None) -> RunOptions:
    """Take the values of `release_options` and `run_options` together."""
    return RunOptions(
        planned=planned,
        message=given["message"],
        drop=[word for word in ("tokens", "tls") if given[f"drop_{word}"]],
        expect_release=given["expect_release"],
        allow_older=given.get("allow_older", False),
        again=given.get("again", False),
        hooks=not given.get("no_hooks", False),
    )


def lock_of(lock_timeout: float | None, lock_id: str | None) -> LockOptions:
    """Take the values of `lock_options` together."""
    return LockOptions(timeout_s=lock_timeout, id=lock_id)
